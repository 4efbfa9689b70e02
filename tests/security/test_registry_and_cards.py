"""Registries and model cards that are damaged, or that somebody else wrote: one sentence, and the rest is shown."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.assets import baselines, cards, registry
from labkit.base.errors import LabkitError
from labkit.cli.main import main

CARD = Path(__file__).parents[2] / "data" / "models" / "fashion_mnist" / "lenet5.json"
TEXT = """[tiny]
title = "T"
about = "a"
licence = "l"
format = "idx"
homepage = ""
citation = ""
note = ""
shape = [4, 3]
train = 7
test = 5
validation = 2
classes = ["a"]
"""


def with_file(name: str, role: str = "train_images") -> bytes:
    content = f'{{ what = "official", bytes = 3, sha256 = "{"0" * 64}" }}'
    lines = [f'role = "{role}"', f"name = {json.dumps(name)}", 'url = "u"', f"accepted = [{content}]"]
    return (TEXT + "\n".join(["[[tiny.files]]", *lines])).encode()


BAD_REGISTRIES = {
    "not text": b"\xff\xfe",
    "no files": TEXT.encode(),
    "a list": b"tiny = []",
    "a number": b"tiny = 3",
    "deep": b"a = " + b"[" * 5000,
    "files are a number": (TEXT + "files = 3").encode(),
    "a file missing": with_file("x.gz"),
    "a path as name": with_file("../../x.gz"),
    "an absolute name": with_file("/etc/x.gz"),
    "sizes are text": with_file("x").replace(b"bytes = 3", b'bytes = "3"'),
    "a negative count": with_file("x").replace(b"train = 7", b"train = -7"),
    "a title that is a number": with_file("x").replace(b'title = "T"', b"title = 1"),
    "too large": b"#" * (2**20 + 1),
}


def put(tiny, content: bytes) -> None:
    registry.path().write_bytes(content)
    registry._read.cache_clear()


@pytest.mark.parametrize("name", BAD_REGISTRIES)
def test_a_bad_registry_is_one_sentence(tiny, name, capsys):
    put(tiny, BAD_REGISTRIES[name])
    assert main(["data", "list"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "registry" in error and error.startswith("labkit: ")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_registry_changed_anywhere(tiny, data):
    content = bytearray((Path(__file__).parents[2] / "data" / "registry.toml").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=3))
    put(tiny, bytes(content))
    try:
        for name in registry.names():
            registry.entry(name)
    except LabkitError as error:
        assert "\n" not in str(error)


def without(field: str) -> bytes:
    card = json.loads(CARD.read_text("utf-8"))
    del card[field]
    return json.dumps(card).encode()


def exchanged(field: str, value: object) -> bytes:
    return json.dumps(json.loads(CARD.read_text("utf-8")) | {field: value}).encode()


BAD_CARDS = {
    "not text": b"\xff\xfe",
    "cut": b'{"name": "lenet5",',
    "deep": b"[" * 100_000,
    "a list": b"[]",
    "null": b"null",
    **{f"no {field}": without(field) for field in ("sha256", "test_accuracy", "macs", "dataset", "seed", "machine")},
    "checksums are a list": exchanged("sha256", []),
    "an accuracy of text": exchanged("test_accuracy", "0.9"),
    "a count that is true": exchanged("macs", True),
    "sizes are null": exchanged("bytes", None),
    "too large": b" " * (2**20 + 1),
}


@pytest.mark.parametrize("name", BAD_CARDS)
def test_a_bad_card_is_listed_and_the_others_are_shown(tmp_path, monkeypatch, capsys, name):
    folder = tmp_path / "data" / "models" / "fashion_mnist"
    shutil.copytree(baselines.shipped_folder("fashion_mnist"), folder)
    shutil.copy(registry.path(), tmp_path / "data")
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    (folder / "lenet5.json").write_bytes(BAD_CARDS[name])
    assert main(["models", "list"]) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "card" in said.err and "lenet5.json" in said.err
    assert all(other in said.out for other in ("lenet_300_100", "ds_cnn", "resnet8")) and "lenet5 " not in said.out


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_card_with_any_value_in_a_field(tmp_path, value):
    path = tmp_path / "card.json"
    for field in ("sha256", "bytes", "test_n", "name"):
        path.write_bytes(exchanged(field, value))
        try:
            card = cards.read(path)
        except LabkitError as error:
            assert "\n" not in str(error)
        else:
            assert type(card[field]) in (str, int, dict)
