"""``.tflite`` files of others: a crash of LiteRT costs a child process, and the file gets one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labkit.base import child
from labkit.base.errors import LabkitError
from labkit.deploy import content, tflite

CRASH = Path(__file__).parent / "crash.tflite"  # a well-formed file with one byte changed, which ends LiteRT by SIGSEGV
SHIPPED = Path(__file__).parents[2] / "data" / "models" / "fashion_mnist" / "lenet5.tflite"


@pytest.fixture(autouse=True)
def nothing_tried(monkeypatch):
    monkeypatch.setattr(content, "_harmless", set())


def test_a_file_that_crashes_litert_is_refused_and_this_process_lives():
    with pytest.raises(
        LabkitError, match=r"cannot open .*crash\.tflite: it crashed the process that read it"
    ) as caught:
        content.read(CRASH)
    assert "\n" not in str(caught.value)
    with pytest.raises(LabkitError, match="crashed"):
        tflite.predict(CRASH, np.zeros((1, 4, 4, 1), np.float32))


def test_a_good_file_is_tried_once(monkeypatch, tmp_path):
    calls = []
    run = child.run
    monkeypatch.setattr(child, "run", lambda *words, **options: calls.append(words[0]) or run(*words, **options))
    for _ in range(2):
        assert content.read(SHIPPED) == SHIPPED.read_bytes()
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(SHIPPED.read_bytes())
    content.read(copy)
    assert calls == ["labkit.deploy.tflite_child"]
    content.read(SHIPPED.read_bytes())  # bytes are taken as they are
    assert len(calls) == 1


def test_what_was_verified_or_made_here_is_not_tried(monkeypatch):
    def refuse(*words, **options):
        raise AssertionError("a child was started")

    monkeypatch.setattr(child, "run", refuse)
    content.trust(SHIPPED.read_bytes())
    content.read(SHIPPED)
    from labkit.assets import baselines

    content.read(baselines.baseline("lenet_300_100").tflite_path)


def changed_operator(change) -> bytes:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(SHIPPED.read_bytes(), 0))
    change(model.operatorCodes[0])
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def newer_version(operator):
    operator.version = 99


def newer_operator(operator):
    operator.builtinCode, operator.deprecatedBuiltinCode = 250, 127


@pytest.mark.parametrize("change, said", [(newer_version, "CONV_2D version 99"), (newer_operator, "operator 250")])
@pytest.mark.parametrize("as_path", [True, False])
def test_a_file_for_a_newer_litert_says_so(tmp_path, change, said, as_path):
    data = changed_operator(change)
    (tmp_path / "new.tflite").write_bytes(data)
    with pytest.raises(LabkitError, match=rf"written for a newer LiteRT \({said}\).*pip install -U ai-edge-litert"):
        content.interpreter(tmp_path / "new.tflite" if as_path else data)


@pytest.mark.parametrize(
    "data, said",
    [
        (b"", "0 bytes"),
        (b"\x00" * 100, "bytes 4 to 7"),
        (SHIPPED.read_bytes()[:3000], "truncated or damaged"),
        (SHIPPED.read_bytes()[:8] + bytes(3000), "truncated or damaged"),
    ],
    ids=["empty", "foreign", "cut", "junk"],
)
def test_a_damaged_file_is_one_sentence(tmp_path, data, said):
    (tmp_path / "bad.tflite").write_bytes(data)
    with pytest.raises(LabkitError, match=said) as caught:
        content.read(tmp_path / "bad.tflite")
    assert "\n" not in str(caught.value)


def test_bytes_changed_at_random_end_with_bytes_or_a_sentence(tmp_path):
    data = CRASH.read_bytes()
    draw = np.random.default_rng(1)
    for trial in range(15):
        changed = bytearray(data)
        for at in draw.integers(8, len(data), 3):
            changed[at] = int(draw.choice([0, 1, 4, 127, 128, 255]))
        path = tmp_path / f"{trial}.tflite"
        path.write_bytes(bytes(changed))
        try:
            assert content.read(path) == bytes(changed)
        except LabkitError as error:
            assert "\n" not in str(error)


def test_no_code_is_imported_from_the_working_folder(tmp_path, monkeypatch):
    for name in ("json", "numpy", "labkit", "ai_edge_litert"):
        (tmp_path / f"{name}.py").write_text("open('mark', 'w').close()")
    monkeypatch.chdir(tmp_path)
    content.read(SHIPPED)
    assert not (tmp_path / "mark").exists()
