"""What a page may meet (no data, damaged data, a wrong order), in toy notebooks: one sentence, and the run goes on."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import run_toys as toys

from labkit.base import files

ROLES = {"train_images": (7, 4, 3), "train_labels": (7,), "test_images": (5, 4, 3), "test_labels": (5,)}
NEVER = "print('never')"
TF_FIRST = "import sys, types\nsys.modules['tensorflow'] = types.ModuleType('tensorflow')\n{}\nimport labkit"
LESSONS = {
    "10": ["from labkit.assets import data\ndata.load('missing')", NEVER],
    "20": ["from labkit.assets import data\ndata.load('wrong')", NEVER],
    "30": ["from labkit.assets import data\ndata.load('cut')", NEVER],
    "31": ["from labkit.assets import data\ndata.load('wrang')", NEVER],
    "40": [TF_FIRST.format("sys.modules['tensorflow']._tf_uses_legacy_keras = False"), NEVER],
    "54": ["from labkit.base import files\nfiles.write('/sys/kernel/labkit.txt', 'x')", NEVER],
    "60": ["print('still here')"],
}


def data_set(home: Path, name: str) -> str:
    """The registry's part for a data set of zeros, put under *home* and then damaged as its *name* says."""
    lines = [
        f'[{name}]\ntitle = "Toy"\nabout = "zeros"\nlicence = "none"\nformat = "idx"\nhomepage = ""\ncitation = ""',
        'note = ""\nshape = [4, 3]\ntrain = 7\ntest = 5\nvalidation = 2\nclasses = ["a", "b"]',
    ]
    folder = home / "data" / name
    folder.mkdir(parents=True)
    for role, shape in ROLES.items():
        header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
        size = 1
        for each in shape:
            size *= each
        content = gzip.compress(header + bytes(size), mtime=0)
        url = "http://127.0.0.1:1"  # where nothing answers
        lines.append(f'[[{name}.files]]\nrole = "{role}"\nname = "{role}.gz"\nurl = "{url}/{role}.gz"')
        known = f'bytes = {len(content)}, sha256 = "{files.sha256(content)}"'
        lines.append(f'accepted = [{{ what = "official", {known} }}]')
        damaged = {"wrong": content[:-1] + bytes([content[-1] ^ 1]), "cut": content[:20]}
        if name in damaged:
            (folder / f"{role}.gz").write_bytes(damaged[name])
    return "\n".join(lines)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One run of all of them, with an empty cache."""
    home = toys.course(tmp_path_factory.mktemp("course"), LESSONS)
    parts = [data_set(home, name) for name in ("missing", "wrong", "cut")]
    (home / "data" / "registry.toml").write_text("\n".join(parts))
    variables = {"LABKIT_CACHE": str(home / "cache"), "LABKIT_DATA": "", "TF_USE_LEGACY_KERAS": ""}
    process = toys.labkit(home, "run", "-j", "2", wait=False, variables=variables)
    toys.finish(process, 150)  # seven kernels: some seconds, or a minute on a busy machine
    return SimpleNamespace(home=home, process=process)


def test_the_run_goes_on_and_says_that_some_failed(ended: SimpleNamespace) -> None:
    assert ended.process.returncode == 1 and ended.process.erred == ""
    assert "7 notebooks: 1 ok, 6 failed" in ended.process.said and "Traceback" not in ended.process.said


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("10", ["no network", "127.0.0.1:1", "LABKIT_DATA"]),
        ("20", ["wrong checksum", "delete it"]),
        ("30", ["is truncated (20 of ", "delete it"]),
        ("31", ["'wrang'", "did you mean wrong?"]),
        ("40", ["TensorFlow was imported before labkit", "restart the kernel"]),
        pytest.param(
            "54",
            ["Cannot write /sys/kernel/labkit.txt"],
            marks=pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder nobody may write to"),
        ),
    ],
)
def test_a_page_says_it_in_one_sentence(ended: SimpleNamespace, number: str, words: list[str]) -> None:
    outcome = toys.outcome(ended.home, "fast", number)
    assert (outcome["status"], outcome["kind"]) == ("failed", "error")
    assert all(word in outcome["message"] for word in words), outcome["message"]
    assert "\n" not in outcome["message"] and outcome["message"].endswith(".")
    notebook = toys.notebook(ended.home, "fast", number)
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert "never" not in json.dumps(outputs)
    shown = "\n".join(line for output in outputs for line in output.get("traceback", []))
    assert "File " not in shown and "most recent call" not in shown, "the sentence alone, no trace"
    page = (ended.home / "build" / "report" / "index.html").read_text()
    assert words[-1].replace("'", "&#x27;") in page


def test_nothing_is_left_half_written(ended: SimpleNamespace) -> None:
    left = [path for path in (ended.home / "cache").rglob("*") if path.is_file()]
    assert all(path.suffix == ".lock" and path.stat().st_size == 0 for path in left), left
    assert not list((ended.home / "data" / "missing").iterdir())
    assert toys.outcome(ended.home, "fast", "60")["status"] == "ok"


@pytest.mark.skipif(sys.platform == "win32", reason="files have no size limit there")
def test_a_full_disk_stops_the_run_in_one_sentence(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk: the write breaks off in the middle."""
    home = toys.course(tmp_path, {"00": ["'x' * 2_000_000"], "10": ["2"]})
    limit = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
    )
    toys.write(tmp_path / "site" / "sitecustomize.py", limit)
    path = os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = toys.labkit(home, "run", "-j", "1", variables={"PYTHONPATH": path})
    assert process.returncode == 1
    assert process.erred.startswith("labkit: Cannot write ") and process.erred.count("\n") == 1, process.erred
    failed = next(line for line in process.said.splitlines() if line.startswith("FAILED"))
    assert failed.endswith(process.erred.removeprefix("labkit: ").strip()), "the reason, not a library's warning"
    left = [path.name for path in (home / "build" / "runs" / "fast").glob("*") if path.is_file()]
    assert left == ["00_toy00.run.json"], "nothing half-written"
    assert toys.outcome(home, "fast", "00")["status"] != "ok", "so that --resume runs it again"
    assert "10 Toy" not in process.said, "no further notebook is begun"
