"""labkit.authoring.release and moved: a release executes every page once, resumes, and lists what moved."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

import labkit
from labkit.authoring import build, moved, release
from labkit.base.errors import LabkitError
from labkit.lesson import source
from labkit.session.events import MIME, Claim, Measurement

MEASUREMENT = Measurement(
    lesson="31", name="pruned", technique="pruning", network="lenet_300_100", dataset="fashion_mnist", split="test",
    n=10_000, correct=9_000, accuracy=0.9, accuracy_low=0.894, accuracy_high=0.906, bytes=1_068_708,
    compressed_bytes=277_678, parameters=266_610, nonzero=53_650, macs=266_200, latency_ms=0.02, latency_low_ms=0.019,
    latency_high_ms=0.021, latency_ratio=1.0, threads=1, cpu="a processor",
)  # fmt: skip
EQUAL = Claim(
    lesson="31", id="31.masks", text="Weights on which the masks differ", value=0.0, bound="equals", relation="= 0",
    unit="", spread=None, held=True, asserted=True,
)  # fmt: skip
LOSS = replace(EQUAL, id="31.loss", text="Accuracy lost", value=0.002, bound="at_most", relation="≤ 0.3 points")
SIZE = replace(EQUAL, id="31.size", text="Size", value=104.0, bound="at_most", relation="≤ 200 B", unit="B")


def _page(*events):
    """An executed page with *events*, as parsed JSON."""
    outputs = [{"output_type": "display_data", "metadata": {}, "data": {MIME: event.to_dict()}} for event in events]
    return {"cells": [{"cell_type": "code", "id": "a", "outputs": outputs}], "metadata": {}}


def _moves(old, new):
    return [(row.value, row.old, row.new) for row in moved.moves("31", old, new)]


def test_nothing_moves_between_a_page_and_itself():
    page = _page(MEASUREMENT, EQUAL, LOSS, SIZE)
    assert _moves(page, copy.deepcopy(page)) == []
    assert moved.table([]).startswith("Nothing moved")


@pytest.mark.parametrize(
    ("field", "value", "row"),
    [
        ("bytes", 1_068_709, ("pruned, test: bytes", "1,068,708", "1,068,709")),
        ("compressed_bytes", 277_679, ("pruned, test: compressed bytes", "277,678", "277,679")),
        ("parameters", 266_611, ("pruned, test: parameters", "266,610", "266,611")),
        ("nonzero", 53_651, ("pruned, test: nonzero weights", "53,650", "53,651")),
        ("macs", 266_201, ("pruned, test: multiply-adds", "266,200", "266,201")),
        ("n", 9_999, ("pruned, test: images", "10,000", "9,999")),
        ("accuracy", 0.91, ("pruned, test: accuracy", "90.00% (89.40% to 90.60%)", "91.00%")),
        ("accuracy", 0.8939, ("pruned, test: accuracy", "90.00% (89.40% to 90.60%)", "89.39%")),
    ],
)
def test_an_exact_value_or_an_accuracy_outside_its_interval_has_moved(field, value, row):
    assert _moves(_page(MEASUREMENT), _page(replace(MEASUREMENT, **{field: value}))) == [row]


@pytest.mark.parametrize(
    ("field", "value"),
    [("accuracy", 0.906), ("accuracy", 0.894), ("latency_ms", 9.0), ("latency_ratio", 3.0), ("cpu", "another")],
)
def test_times_and_an_accuracy_within_its_interval_have_not(field, value):
    assert _moves(_page(MEASUREMENT), _page(replace(MEASUREMENT, **{field: value}))) == []


def test_claims_of_equality_and_of_bytes_are_exact_and_others_are_not():
    new = _page(replace(EQUAL, value=2.0), replace(LOSS, value=0.001), replace(SIZE, value=105.0))
    assert _moves(_page(EQUAL, LOSS, SIZE), new) == [
        ("claim 31.masks Weights on which the masks differ", "0", "2"),
        ("claim 31.size Size", "104", "105"),
    ]


def test_claims_are_matched_by_id_whatever_their_text_and_their_order():
    new = _page(replace(SIZE, text="Bytes of the file"), LOSS, EQUAL)
    assert _moves(_page(EQUAL, LOSS, SIZE), new) == []


def test_what_is_new_or_gone_or_no_longer_asserted_is_listed():
    second = replace(MEASUREMENT, name="clustered")
    new = _page(second, replace(EQUAL, asserted=False), replace(LOSS, id="31.lost"))
    assert _moves(_page(MEASUREMENT, EQUAL, LOSS), new) == [
        ("measurement of pruned, test", "present", ""),
        ("measurement of clustered, test", "", "present"),
        ("claim 31.masks Weights on which the masks differ", "asserted", "only shown"),
        ("claim 31.loss Accuracy lost", "present", ""),
        ("claim 31.lost Accuracy lost", "", "present"),
    ]


def test_measurements_and_claims_of_one_name_are_matched_in_their_order():
    old = _page(MEASUREMENT, replace(MEASUREMENT, bytes=5), EQUAL, replace(EQUAL, value=1.0))
    assert _moves(old, copy.deepcopy(old)) == []
    new = _page(MEASUREMENT, replace(MEASUREMENT, bytes=6), EQUAL, replace(EQUAL, value=1.0))
    assert _moves(old, new) == [("pruned, test: bytes", "5", "6")]


def test_a_page_of_labkit_0_1_is_compared_by_the_texts_of_its_claims():
    old = _page(MEASUREMENT, EQUAL, LOSS)
    for output in old["cells"][0]["outputs"]:
        record = output["data"][MIME]
        record["schema"] = 1
        if record["kind"] == "claim":
            del record["id"], record["bound"]
            record["status"] = "held"
    assert _moves(old, _page(MEASUREMENT, EQUAL, LOSS)) == []
    rows = _moves(old, _page(replace(MEASUREMENT, bytes=7), replace(EQUAL, value=1.0), LOSS))
    assert [row[1:] for row in rows] == [("1,068,708", "7"), ("0", "1")]


@pytest.mark.parametrize("page", [None, {}, [], {"cells": [{"outputs": 3}]}, {"cells": "x"}])
def test_what_is_no_page_has_no_values(page):
    assert _moves(page, page) == []


def test_the_table_has_old_beside_new():
    rows = moved.moves("31", _page(MEASUREMENT), _page(replace(MEASUREMENT, name="a|b"), SIZE))
    lines = moved.table(rows).splitlines()
    assert lines[0] == "| lesson | value | old | new |"
    assert "| 31 | measurement of pruned, test | present | – |" in lines
    assert "| 31 | measurement of a\\|b, test | – | present |" in lines


# --- the release ----------------------------------------------------------------------------------------------------


@pytest.fixture
def course(toys, run):
    """Three lessons that have been executed once."""
    for number in ("30", "31", "40"):
        toys.add(number)
    list(build.build((), toys.notebooks, run=run))
    run.ran.clear()
    return toys


def _release(course, run):
    lines = []
    failures = release.release(course.notebooks, run, lines.append)
    return failures, "\n".join(lines)


def _spoilt(run, number):
    """A stand-in for the kernel in which lesson *number* fails."""

    def fail(lesson, content):
        if lesson.number == number:
            raise LabkitError(f"{lesson.path.name}:40 (cell 5) failed: ZeroDivisionError")
        return run(lesson, content)

    return fail


def test_a_release_executes_every_page_says_how_long_it_takes_and_ends_with_what_moved(course, run):
    failures, text = _release(course, run)
    assert failures == 0 and run.ran == ["30", "31", "40"]
    assert text.startswith("3 pages to execute in full, about 0 min. An interrupted attempt goes on")
    assert "31_toys: executed in 3 s" in text and "Nothing moved" in text
    assert (course.root / "build" / "moved.md").read_text().startswith("# What moved\n\nNothing moved")
    assert build.check((), course.notebooks, release=True) == []
    assert not (course.root / "build" / "release").exists()
    assert _release(course, run)[0] == 0 and len(run.ran) == 6, "a finished attempt is not resumed"


def test_the_expected_time_is_that_of_the_stored_pages_or_the_budget(course, run, edit):
    for name in ("30", "31"):
        edit(course.notebooks / "solved" / f"{name}_toys.ipynb", '"seconds": 3', '"seconds": 1830')
    course.add("50")
    plan = release.Attempt(course.notebooks).plan()
    assert plan.seconds == 1830 + 1830 + 3 + 10
    assert str(plan).startswith("4 pages to execute in full, about 1 h 1 min")


def test_an_interrupted_release_goes_on_where_it_stopped(course, run):
    def interrupt(lesson, content):
        if lesson.number == "31":
            raise KeyboardInterrupt
        return run(lesson, content)

    with pytest.raises(KeyboardInterrupt):
        _release(course, interrupt)
    failures, text = _release(course, run)
    assert (failures, run.ran) == (0, ["30", "31", "40"])
    assert text.startswith("2 pages to execute in full") and "1 page executed already in this attempt" in text


def test_a_page_that_failed_is_executed_again_and_the_others_are_not(course, run):
    failures, text = _release(course, _spoilt(run, "31"))
    assert failures == 1 and run.ran == ["30", "40"]
    assert "31_toys: failed: 31_toys.py:40 (cell 5)" in text and "1 page failed" in text
    assert _release(course, run)[0] == 0 and run.ran == ["30", "40", "31"]


def test_a_page_is_executed_again_when_its_code_or_the_version_changed_since(course, run, edit, monkeypatch):
    _release(course, _spoilt(run, "40"))
    edit(course.notebooks / "source" / "30_toys.py", "return 2 * x", "return x + x")
    pending = release.Attempt(course.notebooks).plan().pending
    assert [lesson.number for lesson in pending] == ["30", "40"]
    monkeypatch.setattr(labkit, "__version__", "9.9.9")
    assert len(release.Attempt(course.notebooks).plan().pending) == 3


def test_prose_edited_during_an_attempt_executes_nothing_again(course, run, edit):
    _release(course, _spoilt(run, "40"))
    edit(course.notebooks / "source" / "30_toys.py", "# Count them,", "# Do count them,")
    list(build.build(("30",), course.notebooks, run=run))
    assert [lesson.number for lesson in release.Attempt(course.notebooks).plan().pending] == ["40"]


@pytest.mark.parametrize("text", ["", "{", "[3]", '{"30": 3}'])
def test_a_damaged_state_executes_again_what_it_cannot_vouch_for(course, run, text):
    _release(course, _spoilt(run, "40"))
    (course.root / "build" / "release" / release.STATE).write_text(text)
    assert len(release.Attempt(course.notebooks).plan().pending) == 3


def test_what_moved_is_seen_from_before_the_attempt_however_often_it_was_interrupted(course, run):
    def emit(value):
        def page(lesson, content):
            content, executed = run(lesson, content)
            cell = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
            record = replace(MEASUREMENT, lesson=lesson.number, bytes=value).to_dict()
            cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {MIME: record}}]
            return content, executed

        return page

    list(build.build((), course.notebooks, force=True, run=emit(100)))
    _release(course, _spoilt(emit(101), "31"))
    _release(course, _spoilt(emit(102), "31"))
    _, text = _release(course, emit(103))
    rows = [line for line in text.splitlines() if "bytes" in line]
    assert rows == [
        "| 30 | pruned, test: bytes | 100 | 101 |",
        "| 31 | pruned, test: bytes | 100 | 103 |",
        "| 40 | pruned, test: bytes | 100 | 101 |",
    ]


def test_a_lesson_that_is_new_in_a_release_has_not_moved(course, run):
    course.add("50")
    assert "Nothing moved" in _release(course, run)[1] and "50" in run.ran


def test_the_pages_as_they_were_are_stored_whole(course, run):
    attempt = release.Attempt(course.notebooks)
    for lesson in source.lessons(course.notebooks):
        stored = (attempt.folder / f"{lesson.number}.ipynb").read_text()
        assert json.loads(stored) == build.load(build.path(lesson, "solved"))
