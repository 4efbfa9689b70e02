"""Reading dataclasses back from JSON that anybody may have written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.base import records
from labkit.base.errors import LabkitError


@dataclass(frozen=True)
class Inner:
    name: str
    values: dict[str, int]


@dataclass(frozen=True)
class Outer:
    inner: Inner
    seconds: float | None
    words: tuple[str, ...]
    passed: bool
    free: dict[str, Any]


GOOD = Outer(Inner("x", {"a": 1}), 2.0, ("p", "q"), True, {"k": [1]})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)


def test_what_was_written_is_read_back() -> None:
    assert records.read(Outer, json.loads(json.dumps(asdict(GOOD))), "record") == GOOD


def test_a_whole_number_is_read_as_a_float_where_one_is_wanted() -> None:
    outer = records.read(Outer, asdict(GOOD) | {"seconds": 2}, "record")
    assert isinstance(outer.seconds, float)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seconds": "2"}, "The field 'seconds' of a record has a value of the wrong type."),
        ({"seconds": float("nan")}, "The field 'seconds' of a record has a value of the wrong type."),
        ({"seconds": 10**400}, "The field 'seconds' of a record has a value of the wrong type."),
        ({"words": "p"}, "The field 'words' of a record has a value of the wrong type."),
        ({"words": [1]}, "The field 'words' of a record has a value of the wrong type."),
        ({"passed": 1}, "The field 'passed' of a record has a value of the wrong type."),
        ({"free": [1]}, "The field 'free' of a record has a value of the wrong type."),
        ({"inner": 5}, "A record's inner is not a JSON object."),
        ({"inner": {"name": "x"}}, "A record's inner has no field 'values'."),
        ({"inner": {"name": "x" * 30_000, "values": {}}}, "The field 'name' of a record's inner has a value"),
        ({"inner": {"name": "x", "values": {"a": True}}}, "The field 'values' of a record's inner has a value"),
    ],
)
def test_each_wrong_field_is_named(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LabkitError) as raised:
        records.read(Outer, asdict(GOOD) | change, "record")
    assert str(raised.value).startswith(sentence)


@given(JSON, st.sampled_from(["inner", "seconds", "words", "passed", "free", None]))
def test_any_json_is_read_or_refused(value: Any, name: str | None) -> None:
    record = value if name is None else asdict(GOOD) | {name: value}
    try:
        outer = records.read(Outer, record, "record")
    except LabkitError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(outer.inner, Inner) and isinstance(outer.words, tuple)
