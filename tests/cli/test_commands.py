from __future__ import annotations

import argparse

import pytest

from labkit.base.errors import LabkitError, UsageError
from labkit.cli import assets


@pytest.fixture
def run():
    def run(*words: str) -> int:
        parser = argparse.ArgumentParser()
        assets.register(parser.add_subparsers())
        arguments = parser.parse_args(words)
        return arguments.handler(arguments)

    return run


def test_data_list_names_licence_and_place(run, capsys):
    assert run("data", "list") == 0
    said = capsys.readouterr().out
    assert "fashion_mnist" in said and "MIT" in said and "Debian package" in said and "mnist " in said


def test_data_list_and_verify_of_a_damaged_set(run, tiny, capsys):
    folder = tiny.put(tiny.home / "data" / "tiny")
    (folder / "test_labels.gz").write_bytes(b"x")
    assert run("data", "list") == 0
    assert "damaged" in capsys.readouterr().out
    assert run("data", "verify") == 1
    assert "truncated" in capsys.readouterr().err
    (folder / "test_labels.gz").unlink()
    assert run("data", "verify") == 0
    assert "test_labels.gz: not here" in capsys.readouterr().out


def test_data_get(run, tiny, capsys):
    tiny.put(tiny.home / "data" / "tiny")
    assert run("data", "get", "tiny") == 0
    assert capsys.readouterr().out.count("checksum right (official)") == 4
    with pytest.raises(UsageError, match="did you mean tiny"):
        run("data", "get", "tinny")


def test_data_get_without_network(run, tiny):
    with pytest.raises(LabkitError, match="no network"):
        run("data", "get", "tiny")


def test_verify_passes_on_what_ships(run, capsys):
    assert run("data", "verify") == 0
    assert capsys.readouterr().out.count(": right") >= 8


def test_models_list(run, capsys):
    assert run("models", "list") == 0
    said = capsys.readouterr().out
    for name in ("lenet_300_100", "lenet5", "ds_cnn", "resnet8"):
        assert name in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("lenet55",), "did you mean lenet5"),
        (("lenet5", "--dataset", "fashion"), "no data set 'fashion'"),
        (("lenet5", "--seed", "-1"), "must be 0 to"),
    ],
)
def test_models_train_refuses_before_it_trains(run, words, message):
    with pytest.raises(UsageError, match=message):
        run("models", "train", *words)


def test_models_train_refuses_a_folder_that_cannot_be_written_to(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LabkitError, match="a file has the name of the folder that is needed"):
        run("models", "train", "lenet_300_100", "-o", str(tmp_path / "file"))


@pytest.mark.parametrize("group", ["data", "models"])
def test_help_ends_with_an_example(group, capsys):
    parser = argparse.ArgumentParser()
    assets.register(parser.add_subparsers())
    with pytest.raises(SystemExit):
        parser.parse_args([group, "--help"])
    assert f"example:\n  labkit {group}" in capsys.readouterr().out
