from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from labkit.assets import data, download, registry
from labkit.base.errors import LabkitError


class Server:
    """An HTTP server of the tiny set's files; may break off, ignore Range, lie, or refuse."""

    def __init__(self, contents):
        self.contents = {f"/{name}.gz": content for name, content in contents.items()}
        self.ranges, self.requests, self.break_after, self.status, self.offers_ranges = [], 0, None, 200, True
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests += 1
                server.ranges.append(self.headers.get("Range"))
                body = server.contents[self.path]
                if server.status != 200:
                    self.send_error(server.status)
                    return
                start = 0
                if server.offers_ranges and self.headers.get("Range"):
                    start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                self.wfile.write(body[start : start + (server.break_after or len(body))])

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server(tiny):
    server = Server(tiny.contents)
    tiny.url = server.url
    tiny.write_registry()
    registry._read.cache_clear()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def fetch(tiny, server):
    def fetch(role="train_images"):
        file = registry.entry("tiny").file(role)
        return download.fetch(file, tiny.cache / "data" / "tiny", put="a folder", progress=False)

    return fetch


def test_a_set_is_downloaded_once_and_then_found(tiny, server, capfd):
    images = data.load("tiny")
    assert server.requests == 4
    assert (images.test.y == tiny.arrays["test_labels"]).all()
    assert "train_images.gz" in capfd.readouterr().err  # the progress bar
    data.load("tiny")
    assert server.requests == 4
    left = {path.name for path in (tiny.cache / "data" / "tiny").iterdir() if path.suffix == ".part"}
    assert not left


@pytest.mark.parametrize("offers_ranges", [True, False])
def test_a_download_that_broke_off_goes_on_where_it_stopped(tiny, server, fetch, offers_ranges):
    server.break_after, server.offers_ranges = 30, offers_ranges
    with pytest.raises(LabkitError, match="continues where it stopped"):
        fetch()
    assert not (tiny.cache / "data" / "tiny" / "train_images.gz").exists()
    part = tiny.cache / "data" / "tiny" / ".train_images.gz.part"
    server.break_after = None
    had = part.stat().st_size
    path = fetch()
    assert path.read_bytes() == tiny.contents["train_images"]
    assert server.ranges == [None, f"bytes={had}-" if had else None]


def test_what_has_a_wrong_checksum_is_thrown_away(tiny, server, fetch):
    good = server.contents["/train_images.gz"]
    server.contents["/train_images.gz"] = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(LabkitError, match="wrong checksum and was deleted"):
        fetch()
    assert not [path for path in (tiny.cache / "data" / "tiny").iterdir() if path.suffix != ".lock"]
    server.contents["/train_images.gz"] = good
    assert fetch().read_bytes() == good


def test_a_server_that_refuses_is_named_with_its_answer(server, fetch):
    server.status = 404
    with pytest.raises(LabkitError, match=r"/train_images\.gz answers 404: try later, or get it on another computer"):
        fetch()
