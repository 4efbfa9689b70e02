"""labkit.learner.work: copies for the learner, of which none is ever overwritten, and JupyterLab on them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.base import files, learner_state
from labkit.base.errors import LabkitError, UsageError
from labkit.cli import main
from labkit.learner import work
from labkit.lesson import links

NAMES = ("00_start_here.ipynb", "31_magnitude_pruning.ipynb", "54_merging_neurons.ipynb")
NOON = datetime(2026, 11, 24, 15, 30)


def build(root: Path, edition: str = "first") -> Path:
    """A course of three lessons, which are notebooks of one cell."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    (root / "data" / "registry.toml").touch()
    (root / "notebooks").mkdir(exist_ok=True)
    for name in NAMES:
        title = {"cell_type": "markdown", "id": f"{name[:2]}-start-1", "source": [f"# {name[:2]} · A title\n"]}
        card = {"cell_type": "markdown", "id": f"{name[:2]}-card", "source": ["A card."]}
        content = {"cells": [title, card], "metadata": {"edition": edition}}
        (root / "notebooks" / name).write_text(json.dumps(content))
    return root


@pytest.fixture(autouse=True, scope="module")
def apart(tmp_path_factory):
    """Keep the exercises that this machine's own learner solved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "course"))
    return build(tmp_path / "course")


def fates(copies):
    return {copy.path.name[:2]: copy.fate for copy in copies}


def everything(root):
    return {path.name: path.read_text() for path in sorted((root / "work").iterdir())}


def as_copied(root: Path, number: int) -> str:
    """The text that a fresh copy of one of the three lessons has, links included."""
    texts = {Path(name).stem: (root / "notebooks" / name).read_text() for name in NAMES}
    places = [links.Place(name, f"{name[:2]} · A title") for name in texts]
    name = list(texts)[number]
    return links.with_links(name, texts[name], places).decode()


def test_copied_once_and_then_left_alone(toy):
    copies = work.prepare(toy)
    assert fates(copies) == {"00": "copied", "31": "copied", "54": "copied"}
    assert "3 lessons copied" in next(work.sentences(copies))
    before = everything(toy)
    assert fates(work.prepare(toy)) == {"00": "unchanged", "31": "unchanged", "54": "unchanged"}
    assert everything(toy) == before
    assert not list(work.sentences(work.prepare(toy)))


def test_a_changed_copy_stays_and_a_newer_edition_is_said_once_it_is_there(toy):
    work.prepare(toy)
    mine = toy / "work" / NAMES[1]
    mine.write_text("my work")
    copies = work.prepare(toy)
    assert fates(copies)["31"] == "yours"
    assert not list(work.sentences(copies))
    build(toy, "second")
    copies = work.prepare(toy)
    assert fates(copies) == {"00": "renewed", "31": "yours, newer edition", "54": "renewed"}
    assert mine.read_text() == "my work"
    assert "second" in (toy / "work" / NAMES[0]).read_text()
    (line,) = work.sentences(copies)
    assert line.startswith("Lesson 31 has a newer edition") and "labkit reset 31" in line
    assert fates(work.prepare(toy))["31"] == "yours, newer edition"  # until it is reset


def test_a_copy_that_the_learner_deleted_is_copied_again(toy):
    work.prepare(toy)
    (toy / "work" / NAMES[2]).unlink()
    assert fates(work.prepare(toy))["54"] == "copied"


@pytest.mark.parametrize("note", [None, "", "{", "[]", "3", '{"a": {}}', '{"a": 3}', b"\xff\xfe"])
def test_a_lost_or_broken_note_never_costs_a_learner_anything(toy, note):
    work.prepare(toy)
    (toy / "work" / NAMES[1]).write_text("my work")
    state = toy / "work" / work.STATE
    state.unlink()
    if note is not None:
        state.write_bytes(note if isinstance(note, bytes) else note.encode())
    build(toy, "second")
    assert set(fates(work.prepare(toy)).values()) == {"yours, newer edition"}
    assert (toy / "work" / NAMES[1]).read_text() == "my work"


def test_reset_keeps_the_old_copy_in_a_folder_of_its_own(toy):
    work.prepare(toy)
    mine = toy / "work" / NAMES[1]
    mine.write_text("my work")
    copy = work.reset("31", toy, NOON)
    assert copy.kept == toy / "work" / "old" / "31_magnitude_pruning.2026-11-24T1530.ipynb"
    assert copy.kept.read_text() == "my work"
    assert mine.read_text() == as_copied(toy, 1)
    mine.write_text("my second work")
    again = work.reset("31", toy, NOON)  # within the same minute
    assert again.kept == toy / "work" / "old" / "31_magnitude_pruning.2026-11-24T1530-2.ipynb"
    assert (copy.kept.read_text(), again.kept.read_text()) == ("my work", "my second work")
    assert fates(work.prepare(toy)) == {"00": "unchanged", "31": "unchanged", "54": "unchanged"}
    assert sorted(path.name for path in (toy / "work").glob("*.ipynb")) == sorted(NAMES)


def test_a_copy_links_to_its_neighbours_and_the_stored_edition_does_not(toy):
    work.prepare(toy)
    both = "[← 00 · A title](00_start_here.ipynb) · [→ 54 · A title](54_merging_neurons.ipynb)"
    cells = json.loads((toy / "work" / NAMES[1]).read_text())["cells"]
    assert "".join(cells[1]["source"]) == f"A card.\n\n{both}"
    assert cells[-1]["id"] == "31-next" and "".join(cells[-1]["source"]) == both
    assert "←" not in (toy / "notebooks" / NAMES[1]).read_text()


def test_a_new_neighbour_renews_an_untouched_copy_and_is_no_newer_edition_of_a_changed_one(toy):
    work.prepare(toy)
    mine = toy / "work" / NAMES[1]
    mine.write_text("my work")
    (toy / "notebooks" / "40_new.ipynb").write_text((toy / "notebooks" / NAMES[1]).read_text())
    assert fates(work.prepare(toy)) == {"00": "unchanged", "31": "yours", "40": "copied", "54": "renewed"}
    assert mine.read_text() == "my work"
    assert "40_new.ipynb" in (toy / "work" / NAMES[2]).read_text()


def test_copies_of_labkit_0_1_are_renewed_where_their_learner_changed_nothing(toy):
    work.prepare(toy)
    digests = {}
    for name in NAMES:
        edition = toy / "notebooks" / name
        (toy / "work" / name).write_bytes(edition.read_bytes())
        digests[name] = files.sha256(edition)
    (toy / "work" / work.STATE).write_text(json.dumps(digests))
    (toy / "work" / NAMES[0]).write_text("my work")
    assert fates(work.prepare(toy)) == {"00": "yours", "31": "renewed", "54": "renewed"}


def test_reset_leaves_no_exercise_of_the_lesson_solved(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_STATE", str(tmp_path / "state"))
    work.prepare(toy)
    for exercise in ("31.1", "31.2", "54.1"):
        learner_state.remember_check(exercise[:2], exercise)
    work.reset("31", toy, NOON)
    assert list(learner_state.recall("progress.json")) == ["54"]


def test_reset_of_a_copy_without_the_learners_work_keeps_nothing(toy):
    assert work.reset("00", toy, NOON).fate == "copied"
    assert work.reset("0", toy, NOON).fate == "unchanged"
    build(toy, "second")
    copy = work.reset("start_here", toy, NOON)
    assert (copy.fate, copy.kept) == ("renewed", None)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["lab", "write", "edition", "reset", "delete", "lose"]), max_size=12))
def test_whatever_happens_no_text_of_the_learners_is_lost(tmp_path_factory, steps):
    root = build(tmp_path_factory.mktemp("course"))
    mine = root / "work" / NAMES[0]
    written: set[str] = set()
    for number, step in enumerate(steps):
        if step == "lab":
            work.prepare(root)
        elif step == "edition":
            build(root, f"edition {number}")
        elif step == "reset":
            work.reset("00", root, NOON)
        elif step == "lose":
            (root / "work" / work.STATE).unlink(missing_ok=True)
        elif mine.exists() and step == "write":
            written.discard(mine.read_text())  # the learner replaces their own text
            mine.write_text(f"mine {number}")
            written.add(f"mine {number}")
        elif mine.exists():
            written.discard(mine.read_text())
            mine.unlink()
        present = {path.read_text() for path in (root / "work").rglob("*.ipynb")}
        assert written <= present


@pytest.mark.parametrize("word", ["31", "31_magnitude_pruning", "magnitude_pruning", "work/31_magnitude_pruning.ipynb"])
def test_a_lesson_by_number_name_or_file(toy, word):
    assert work.edition(word, toy).name == NAMES[1]


@pytest.mark.parametrize(
    ("word", "near"), [("32", "did you mean 31"), ("magnitude_prunning", "magnitude_pruning"), ("", "lessons: 00, 31")]
)
def test_an_unknown_lesson_names_the_nearest(toy, word, near, capsys):
    with pytest.raises(UsageError, match=near):
        work.edition(word, toy)
    assert main.main(["reset", word]) == 2
    assert near in capsys.readouterr().err


def test_no_editions_built(toy, capsys):
    for name in NAMES:
        (toy / "notebooks" / name).unlink()
    assert main.main(["lab"]) == 1
    assert "run 'labkit build'" in capsys.readouterr().err


def test_a_read_only_course_is_one_sentence(toy, monkeypatch, capsys):
    (toy / "work").write_text("a file where the folder should be")
    assert main.main(["lab"]) == 1
    assert "a file has the name of the folder that is needed" in capsys.readouterr().err


def test_reset_at_the_command_line(toy, capsys):
    assert main.main(["reset", "31"]) == 0
    (toy / "work" / NAMES[1]).write_text("my work")
    assert main.main(["reset", "31"]) == 0
    assert main.main(["reset", "31"]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.endswith("is new.")
    assert "yours is kept as old/31_magnitude_pruning." in second
    assert "nothing to renew" in third


def test_lab_runs_this_pythons_jupyterlab_in_the_course(toy, monkeypatch):
    seen = []
    monkeypatch.setattr(work, "_run", lambda words, folder: seen.append((words, folder)) or 0)
    assert main.main(["lab", "54", "--port", str(free_port()), "--no-browser"]) == 0
    ((words, folder),) = seen
    assert words[:3] == [sys.executable, "-m", "jupyterlab"]
    assert folder == toy.resolve()
    assert f"--ServerApp.root_dir={toy.resolve()}" in words
    assert "--LabApp.default_url=/lab/tree/work/54_merging_neurons.ipynb" in words
    assert "--no-browser" in words
    assert main.main(["lab"]) == 0
    assert "--LabApp.default_url=/lab/tree/work/00_start_here.ipynb" in seen[1][0]
    assert not [word for word in seen[1][0] if "port" in word]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_that_was_asked_for_and_is_taken(toy, monkeypatch, capsys):
    monkeypatch.setattr(work, "_run", lambda words, folder: pytest.fail("started all the same"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main.main(["lab", "--port", str(taken.getsockname()[1])]) == 1
    assert "is in use, perhaps by another JupyterLab: leave --port out" in capsys.readouterr().err
    assert not (toy / "work").exists()
    assert main.main(["lab", "--port", "70000"]) == 2


def test_a_port_just_given_up_is_free(toy):
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        port = used.getsockname()[1]
    work.require_free(port)


def test_a_port_that_needs_rights(monkeypatch):
    class Refuses(socket.socket):
        def bind(self, address):
            raise PermissionError

    monkeypatch.setattr(work.socket, "socket", Refuses)
    with pytest.raises(LabkitError, match="needs special rights"):
        work.require_free(80)


def test_links_of_the_real_lessons_work_from_the_learners_folder():
    """``work/`` stands beside ``notebooks/``: other folders are as far, and the other lessons stand in both."""
    root = Path(__file__).resolve().parents[2]
    editions = list((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not editions:
        pytest.skip("no lesson is built yet")
    for path in editions:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        for target in re.findall(r"\]\(([^)\s#]+)", text):
            if not re.match(r"\w+:", target):
                here = root / "notebooks" if target in {edition.name for edition in editions} else root / "work"
                assert Path(os.path.normpath(here / target)).exists(), f"{path.name} links to {target}"


@pytest.mark.skipif(os.name != "posix", reason="ends the server with a signal")
def test_the_real_jupyterlab_opens_the_lesson_and_takes_the_next_port_when_its_own_is_taken(toy, tmp_path):
    environment = os.environ | {
        "LABKIT_HOME": str(toy),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
    }
    with socket.socket() as taken:  # JupyterLab's own default; where something else has it already, all the better
        try:
            taken.bind(("127.0.0.1", 8888))
            taken.listen()
        except OSError:
            pass
        server = subprocess.Popen(
            [sys.executable, "-m", "labkit", "lab", "--no-browser"],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            note = wait_for(lambda: next((tmp_path / "runtime").glob("jpserver-*.json"), None))
            told = wait_for(lambda: json.loads(note.read_text() or "null"))
            assert told["port"] != 8888
            assert told["pid"] == server.pid  # it took the command's place: Ctrl-C and kill reach it
            assert told["root_dir"] == str(toy.resolve())
            with urllib.request.urlopen(f"{told['url']}?token={told['token']}", timeout=20) as page:
                assert page.url.partition("?")[0].endswith("/lab/tree/work/00_start_here.ipynb")

            def ask(path: str):
                with urllib.request.urlopen(f"{told['url']}{path}?token={told['token']}", timeout=20) as answer:
                    return json.load(answer)

            words = ask("api/kernelspecs")["kernelspecs"]["python3"]["spec"]["argv"]
            assert words[0] in ("python", sys.executable)
            settings = ask("lab/api/settings/@jupyterlab/docmanager-extension:plugin")
            viewers = settings["schema"]["properties"]["defaultViewers"]["default"]
            assert viewers == {"markdown": "Markdown Preview"}  # a link to the glossary opens it as text to read
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=20)


def wait_for(what, seconds: float = 30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("nothing within the time")
