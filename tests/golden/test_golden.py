"""Fixed files give the same bytes, classes and counts, and logits within 1e-5, whatever changes in the code.

No page is executed in full between two releases: these files hold the numbers still. make.py makes them again.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from labkit.cli import main

FOLDER = Path(__file__).parent
SPECIFICATION = importlib.util.spec_from_file_location("golden_make", FOLDER / "make.py")
assert SPECIFICATION is not None and SPECIFICATION.loader is not None
make = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(make)
GOLDEN = json.loads(make.ANSWERS.read_text(encoding="utf-8"))


def _compare(answers, golden):
    """Logits within 1e-5, since they differ between processors; everything else exactly."""
    logits, expected = np.array(answers.pop("logits")), np.array(golden.pop("logits"))
    assert answers == golden
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", make.TFLITE)
def test_a_tflite_file(name):
    content = (FOLDER / name).read_bytes()
    _compare({"bytes": len(content), **make.of_tflite(content)}, dict(GOLDEN[name]))


@pytest.mark.parametrize("path", [make.PACKED, FOLDER / f"{make.NETWORK}.lkz"], ids=lambda path: path.name)
def test_a_lkz_file(path):
    content = path.read_bytes()
    assert {"bytes": len(content), "tensors": make.of_lkz(content)} == GOLDEN[path.name]


def test_a_network_with_the_weights_of_a_lkz_file():
    _compare(make.of_network((FOLDER / f"{make.NETWORK}.lkz").read_bytes()), dict(GOLDEN[make.NETWORK]))


def test_compress_writes_the_same_bytes(tmp_path):
    target = tmp_path / "pruned.lkz"
    assert main.main(["compress", str(make.ARRAYS), "-o", str(target)]) == 0
    assert target.read_bytes() == make.PACKED.read_bytes()


def test_expand_gives_back_the_arrays_that_were_compressed(tmp_path):
    """Against the arrays themselves: only what is no shared value may be rounded, to float16."""
    target = tmp_path / "pruned.npz"
    assert main.main(["expand", str(make.PACKED), "-o", str(target)]) == 0
    with np.load(make.ARRAYS) as arrays, np.load(target) as expanded:
        assert set(arrays) == set(expanded)
        for name in arrays:
            np.testing.assert_array_equal(expanded[name], arrays[name], err_msg=name)


def test_the_counts_of_the_small_network_by_hand():
    """Independent of the code: 8×8 images, 3×3 convolution to four channels, 3×3 depthwise, 16 and 3 neurons."""
    golden = GOLDEN["conv_float32.tflite"]
    places = 6 * 6
    assert golden["parameters"] == (9 * 4 + 4) + (9 * 4 + 4) + (places * 4 * 16 + 16) + (16 * 3 + 3)
    assert golden["macs"] == places * 9 * 4 + places * 9 * 4 + places * 4 * 16 + 16 * 3
    assert len(set(golden["classes"])) > 1, "images of several classes, or classes say little"
