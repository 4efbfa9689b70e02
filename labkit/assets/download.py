"""Fetch one file of a data set from its official address, whole and verified, or say why not.

pooch checks the SHA-256 and renames the file into place. The transfer itself is ours, since pooch begins anew each
time: what has arrived stays in ``.NAME.part``, and the next attempt asks the server for the rest (HTTP ``Range``).
A server that does not offer that sends the whole file again, and the part is replaced.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from labkit.assets.registry import File
from labkit.base import files
from labkit.base.errors import LabkitError

_TIMEOUT_S = (10, 60)  # to connect; between two pieces
_CHUNK = 1 << 16


def fetch(file: File, folder: Path, *, put: str, progress: bool = True) -> Path:
    """Download *file* into *folder* and return its path; *put* says in words where the reader may put it by hand.

    A second process that wants the same file waits for the first. Raises LabkitError when there is no network, the
    server refuses, the folder cannot be written to, or the checksum is wrong (then nothing is kept).
    """
    import logging

    import filelock
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)
    where = f"get it on another computer and put it into {put}"
    part = folder / f".{file.name}.part"
    official = file.accepted[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / f".{file.name}.lock"):
            found = pooch.retrieve(
                file.url,
                known_hash=f"sha256:{official.sha256}",
                fname=file.name,
                path=folder,
                downloader=_Resuming(part, official.bytes, progress),
            )
        return Path(found)
    except requests.exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise LabkitError(
            f"{file.name} is not on this computer and {file.url} answers {status}: try later, or {where}."
        ) from error
    except requests.exceptions.RequestException as error:
        raise LabkitError(
            f"{file.name} is not on this computer and cannot be downloaded from {file.url} (no network, or it broke "
            f"off): connect and try again (the download continues where it stopped), or {where}."
        ) from error
    except ValueError as error:  # pooch's word for a wrong checksum
        raise LabkitError(
            f"What {file.url} sent as {file.name} has a wrong checksum and was deleted: try again later, or {where}."
        ) from error
    except OSError as error:
        raise files.explain(error, folder / file.name) from error


class _Resuming:
    """A pooch downloader that goes on where an earlier attempt stopped."""

    def __init__(self, part: Path, expected: int, progress: bool) -> None:
        self.part, self.expected, self.progress = part, expected, progress

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        have = self.part.stat().st_size if self.part.is_file() else 0
        if have != self.expected:  # else only the renaming was missed
            self._transfer(url, have if have < self.expected else 0)
        os.replace(self.part, output_file)

    def _transfer(self, url: str, have: int) -> None:
        import requests
        from tqdm import tqdm

        headers = (
            {"Range": f"bytes={have}-", "Accept-Encoding": "identity"} if have else {"Accept-Encoding": "identity"}
        )
        with contextlib.closing(requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S)) as answer:
            answer.raise_for_status()
            goes_on = bool(have) and answer.status_code == 206
            bar = tqdm(
                desc=self.part.name[1:-5],
                total=self.expected,
                initial=have if goes_on else 0,
                unit="B",
                unit_scale=True,
                file=sys.stderr,
                disable=not self.progress,
            )
            with bar, self.part.open("ab" if goes_on else "wb") as out:
                room = self.expected - (have if goes_on else 0)
                for piece in answer.iter_content(_CHUNK):
                    if room <= 0:
                        break  # a file that is longer is another one: the checksum refuses it, and the disk stays free
                    out.write(piece[:room])
                    room -= len(piece)
                    bar.update(len(piece))
        size = self.part.stat().st_size
        if size < self.expected:
            raise requests.exceptions.ConnectionError(f"{size:,} of {self.expected:,} bytes arrived")
