"""labkit.lesson.parameters: what a page documents is what is read, and everything else is refused by one sentence."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.base.errors import LabkitError, UsageError
from labkit.lesson.parameters import check, parse

CELL = """\
epochs: int = by_profile(6, 1)        # passes over the training images; full and fast; 1 to 50
sparsity: float = 0.80                # share of weights set to zero; 0 to 0.99
seed: int = 7                         # random seed; 0 to 2**31 - 1
dataset: str = "fashion_mnist"        # data set; fashion_mnist or mnist
per_channel: bool = True              # one scale a channel
bits: int = 8                         # width of a weight; 2, 4 or 8
"""


def known():
    return {parameter.name: parameter for parameter in parse(CELL)}


def test_names_types_defaults_and_ranges():
    found = known()
    assert [(name, p.type, p.defaults["full"]) for name, p in found.items()] == [
        ("epochs", int, 6),
        ("sparsity", float, 0.8),
        ("seed", int, 7),
        ("dataset", str, "fashion_mnist"),
        ("per_channel", bool, True),
        ("bits", int, 8),
    ]
    assert dict(found["epochs"].defaults) == {"full": 6, "fast": 1, "study": 6}
    assert found["seed"].ends == (0, 2**31 - 1)
    assert found["sparsity"].range == "0 to 0.99"
    assert found["bits"].ends == (2, 4, 8)
    assert found["dataset"].range == "fashion_mnist or mnist"
    assert found["per_channel"].ends == (False, True)


def test_the_module_reads_its_own_example():
    from labkit.lesson import parameters

    example = [line.strip() for line in (parameters.__doc__ or "").splitlines() if line.startswith("    ")]
    assert [parameter.name for parameter in parse("\n".join(example))] == ["epochs", "dataset"]


@given(st.integers(1, 50))
def test_whole_numbers_are_read_from_numbers_and_text(value):
    epochs = known()["epochs"]
    assert epochs.read(value) == epochs.read(str(value)) == epochs.read(float(value)) == value


@given(st.floats(0, 0.99))
def test_numbers_are_read_from_numbers_and_text(value):
    sparsity = known()["sparsity"]
    assert sparsity.read(value) == sparsity.read(repr(value)) == value


@given(st.one_of(st.integers(max_value=0), st.integers(min_value=51)))
def test_whole_numbers_out_of_range_name_the_range(value):
    with pytest.raises(UsageError, match=r"Parameter epochs is .*must be 1 to 50 \(passes over the training images"):
        known()["epochs"].read(value)


@given(
    st.sampled_from(["epochs", "sparsity", "seed", "bits"]),
    st.one_of(
        st.none(),
        st.booleans(),
        st.just("many"),
        st.just(""),
        st.just("nan"),
        st.just("inf"),
        st.lists(st.none(), max_size=3),
    ),
)
def test_wrong_types_are_refused_by_one_sentence(name, value):
    with pytest.raises(UsageError) as raised:
        known()[name].read(value)
    assert str(raised.value).startswith(f"Parameter {name} is {value!r}, but must be ")
    assert str(raised.value).count("\n") == 0


@given(st.text(max_size=20))
def test_reading_any_text_gives_a_value_of_the_type_or_a_usage_error(text):
    for parameter in known().values():
        with contextlib.suppress(UsageError):
            assert type(parameter.read(text)) is parameter.type


@pytest.mark.parametrize("text", ["1_0", "１２", "٣", " 7", "7 ", "1e3", "7.0", "0x7", "+", "", "7" * 61])
def test_texts_of_whole_numbers_are_read_strictly(text):
    with pytest.raises(UsageError, match="must be a whole number"):
        known()["seed"].read(text)


@pytest.mark.parametrize("text", ["0_1", "０.５", ".", "1e", "0.5 ", "1e400", "0." + "5" * 60])
def test_texts_of_numbers_are_read_strictly(text):
    with pytest.raises(UsageError, match="must be a number"):
        known()["sparsity"].read(text)


LONG = {"digits": "9" * 5000, "number": 10**5000, "negative": -(10**5000), "text": "x" * 5000, "list": [1] * 5000}


@pytest.mark.parametrize("value", LONG.values(), ids=LONG)
def test_no_value_is_quoted_at_length(value):
    for name in ("seed", "sparsity", "dataset", "per_channel"):
        with pytest.raises(UsageError) as raised:
            known()[name].read(value)
        assert len(str(raised.value)) < 250


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("seed", 7.0, 7),  # what papermill makes of -p seed 7.0, and of 1e3
        ("seed", 1e3, 1000),
        ("seed", np.int64(7), 7),
        ("sparsity", 0, 0.0),
        ("sparsity", np.float32(0.5), 0.5),
        ("sparsity", "5e-1", 0.5),
        ("sparsity", ".5", 0.5),
        ("seed", "+7", 7),
        ("seed", "007", 7),
    ],
)
def test_python_values_and_usual_texts_are_read(name, value, read):
    result = known()[name].read(value)
    assert result == read and type(result) is type(read)


@given(st.integers() | st.floats() | st.text(max_size=80) | st.binary(max_size=5) | st.lists(st.integers()) | st.none())
def test_any_python_value_is_read_or_refused_in_one_short_sentence(value):
    for parameter in known().values():
        try:
            assert type(parameter.read(value)) is parameter.type
        except UsageError as error:
            assert len(str(error)) < 300 and "\n" not in str(error)


@pytest.mark.parametrize(("word", "value"), [("true", True), ("False", False), (True, True)])
def test_truth_values(word, value):
    assert known()["per_channel"].read(word) is value


def test_unknown_name_gives_the_nearest():
    with pytest.raises(UsageError, match="no parameter 'sparcity'; did you mean sparsity"):
        check(known().values(), {"sparcity": 0.5})
    with pytest.raises(UsageError, match="this lesson has: none"):
        check([], {"x": 1})
    assert check(known().values(), {"sparsity": "0.5", "seed": 3}) == {"sparsity": 0.5, "seed": 3}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("epochs = 6  # passes; 1 to 50", "write 'name: type = value"),
        ("epochs: int = 6", "write 'name: type = value"),
        ("epochs: list = []  # passes; 1 to 50", "the type one of int, float, str, bool"),
        ("print(1)  # passes; 1 to 50", "nothing else in that cell"),
        ("epochs: int = 6  # passes over the images", "names no range"),
        ("epochs: int = 6  # passes; a or b", "names no range"),
        ("epochs: int = 1 + len('x')  # passes; 1 to 50", "a literal or by_profile"),
        ("epochs: int = 60  # passes; 1 to 50", "must be 1 to 50"),
        ("epochs: int = by_profile(6, 0)  # passes; 1 to 50", "must be 1 to 50"),
    ],
)
def test_a_cell_in_another_form_is_refused(line, words):
    with pytest.raises(LabkitError, match=words):
        parse(line)


@given(st.integers(-1000, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_ranges_of_whole_numbers_are_read_as_written(low, first, second):
    default, high = low + first, low + first + second
    (parameter,) = parse(f"n: int = {default}  # a number; {low} to {high}")
    assert parameter.ends == (low, high)
