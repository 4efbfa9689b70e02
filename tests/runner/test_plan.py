"""What is run: lessons × products × extremes, and the names that results are kept under."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
import run_toys as toys
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from labkit.base.errors import LabkitError, UsageError
from labkit.runner import plan as plan_module
from labkit.runner.plan import Job, Outcome, RunRequest, outcome_of, plan, read_outcome, read_request


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    monkeypatch.delenv("LABKIT_KERNEL", raising=False)
    return toys.course(tmp_path, {"00": ["1"], "31": ["2"], "40": ["3"]}, parameters={"00": "", "40": toys.SEED})


def planned(*lessons: str, settings: tuple[str, ...] = (), **options: Any) -> tuple[list[Job], list[str]]:
    """``plan`` of a request in short."""
    return plan(RunRequest(lessons, settings=settings, **options))


def test_every_lesson_in_order_at_its_defaults(home: Path) -> None:
    jobs, remarks = planned(profile="fast")
    assert [(job.lesson, job.parameters, job.label) for job in jobs] == [
        ("00", {}, "fast"),
        ("31", {}, "fast"),
        ("40", {}, "fast"),
    ]
    assert not remarks
    assert jobs[0].notebook == str(home / "notebooks" / "solved" / "00_toy00.ipynb")
    assert (jobs[0].budget_s, jobs[0].limit_s) == (20, 80)


def test_student_edition_and_study(home: Path) -> None:
    job = planned("31", profile="study", edition="student")[0][0]
    assert job.notebook == str(home / "notebooks" / "31_toy31.ipynb")
    assert job.label == "study-student" and job.budget_s is None and job.limit_s == 3 * 3600


def test_a_product_has_a_folder_each_and_keeps_types() -> None:
    jobs, _ = planned("31", settings=("sparsity=0.5,0.9", "epochs=1,2,3", "epochs=3"))
    assert len(jobs) == 6 and len({job.place for job in jobs}) == 6
    assert jobs[0].parameters == {"epochs": 1, "sparsity": 0.5}
    assert isinstance(jobs[0].parameters["epochs"], int)
    assert jobs[0].label == "full-epochs=1-sparsity=0.5"
    assert jobs[0].command == "labkit run 31 -p epochs=1 -p sparsity=0.5"


def test_a_lesson_without_the_parameter_runs_at_its_defaults_and_says_so() -> None:
    jobs, remarks = planned(profile="fast", settings=("seed=1,2", "sparsity=0.5"))
    assert [(job.lesson, job.parameters) for job in jobs] == [
        ("00", {}),
        ("31", {"sparsity": 0.5}),
        ("40", {"seed": 1}),
        ("40", {"seed": 2}),
    ]
    assert remarks[0] == "Lesson 00 has no parameter seed or sparsity: its default stands."


def test_extremes_take_each_end_once_with_the_full_profiles_time() -> None:
    jobs, _ = planned("31", "40", profile="fast", extremes=True)
    assert [job.parameters for job in jobs] == [
        {"epochs": 1}, {"epochs": 50}, {"sparsity": 0.0}, {"sparsity": 0.99},
        {"dataset": "fashion_mnist"}, {"dataset": "mnist"}, {"seed": 0}, {"seed": 2**31 - 1},
    ]  # fmt: skip
    assert {job.profile for job in jobs} == {"fast"} and {job.limit_s for job in jobs} == {160}
    same_values, _ = planned("31", profile="fast", settings=("epochs=1,50",))
    assert not {job.place for job in jobs} & {job.place for job in same_values}, "other limits, another folder"


def test_a_lesson_named_twice_runs_once() -> None:
    assert len(planned("31", "31_toy31", "toy31")[0]) == 1


def test_the_key_follows_code_and_parameters_but_not_outputs(home: Path) -> None:
    before = planned("31")[0][0].key
    assert planned("31")[0][0].key == before
    assert planned("31", profile="fast")[0][0].key != before
    assert planned("31", settings=("epochs=1",))[0][0].key != before
    path = home / "notebooks" / "solved" / "31_toy31.ipynb"
    text = path.read_text()
    path.write_text(
        text.replace('"outputs": []', '"outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}]')
    )
    assert planned("31")[0][0].key == before
    path.write_text(text.replace('"source": "2"', '"source": "4"'))
    assert planned("31")[0][0].key != before


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=4),
    st.lists(st.floats(0, 0.99, allow_nan=False), min_size=1, max_size=4),
)
def test_every_combination_once_in_a_folder_of_its_own(epochs: list[int], sparsity: list[float]) -> None:
    words = ["epochs=" + ",".join(map(str, epochs)), "sparsity=" + ",".join(map(repr, sparsity))]
    jobs, _ = planned("31", settings=tuple(words))
    assert len(jobs) == math.prod(len(set(values)) for values in (epochs, sparsity))
    assert len({job.place for job in jobs}) == len(jobs)
    assert all(re.fullmatch(r"[\w.=+-]{1,120}", job.label) for job in jobs)
    assert {(job.parameters["epochs"], job.parameters["sparsity"]) for job in jobs} == {
        (one, other) for one in epochs for other in sparsity
    }


def outcome_in(home: Path) -> tuple[Outcome, Path]:
    """An outcome as a run saves it, and its file."""
    job = planned("31", settings=("sparsity=0.5",))[0][0]
    outcome = Outcome(job, "failed", "error", "ü", cell=2, cells=3, elapsed_s=1.5, cpu_s=0.5, started="now", at_once=2)
    outcome.save(home)
    return outcome, job.paths(home)[1]


def test_an_outcome_is_read_back(home: Path) -> None:
    outcome, path = outcome_in(home)
    assert outcome_of(path) == read_outcome(path) == outcome
    (home / "other.run.json").write_text('{"job": {"lesson": 1}}')
    assert read_outcome(home / "other.run.json") is None and read_outcome(home / "none") is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cell": "<script>"}, "The field 'cell' of a run record has a value of the wrong type."),
        ({"cell": 9}, "The field 'cell' of a run record has an impossible value."),
        ({"status": 5}, "The field 'status' of a run record has a value of the wrong type."),
        ({"status": "fine"}, "The field 'status' of a run record has an impossible value."),
        ({"elapsed_s": -1}, "The field 'elapsed_s' of a run record has an impossible value."),
        ({"cpu_s": 1e308 * 10}, "The field 'cpu_s' of a run record has a value of the wrong type."),
        ({"job.budget_s": 0}, "The field 'budget_s' of a run record has an impossible value."),
        ({"job.name": "../../evil"}, "The field 'name' of a run record has an impossible value."),
        ({"job.name": ".."}, "The field 'name' of a run record has an impossible value."),
        ({"job.name": "a\0b"}, "The field 'name' of a run record has an impossible value."),
        ({"job.name": ""}, "The field 'name' of a run record has an impossible value."),
        ({"job.label": "/abs"}, "The field 'label' of a run record has an impossible value."),
        ({"job.label": "..\\up"}, "The field 'label' of a run record has an impossible value."),
        ({"job.lesson": "<b>"}, "The field 'lesson' of a run record has an impossible value."),
        (
            {"job.parameters": {"seed": [1]}},
            "The field 'parameters' of a run record's job has a value of the wrong type.",
        ),
        ({"job": None}, "A run record's job is not a JSON object."),
    ],
)
def test_an_impossible_outcome_is_refused_with_its_reason(home: Path, change: dict[str, Any], reason: str) -> None:
    _, path = outcome_in(home)
    record = json.loads(path.read_text())
    for name, value in change.items():
        place = record["job"] if "." in name else record
        place[name.removeprefix("job.")] = value
    path.write_text(json.dumps(record))
    with pytest.raises(LabkitError) as raised:
        outcome_of(path)
    assert str(raised.value) == reason
    assert read_outcome(path) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)
BYTES = st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())
FIELDS = st.sampled_from([field.name for field in fields(RunRequest)])
NESTED = b"[" * 100_000
DIGITS = b'{"cell": ' + b"9" * 5000 + b"}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    JSON, st.sampled_from([field.name for field in fields(Outcome)] + [f"job.{field.name}" for field in fields(Job)])
)
def test_no_field_of_an_outcome_makes_a_traceback_or_a_way_out(home: Path, value: Any, name: str) -> None:
    _, path = outcome_in(home)
    record = json.loads(path.read_text())
    place = record["job"] if "." in name else record
    place[name.removeprefix("job.")] = value
    path.write_text(json.dumps(record))
    try:
        outcome = outcome_of(path)
    except LabkitError as error:
        assert "\n" not in str(error) and len(str(error)) < 200
    else:
        for found in (*outcome.job.paths(home), outcome.job.scratch(home)):
            assert home in found.resolve().parents
        assert outcome.job.command.startswith("labkit run ") and outcome.over_budget in (True, False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(NESTED)
@example(DIGITS)
@example(b"\xff\xfe")
@given(BYTES)
def test_any_bytes_are_an_outcome_or_none(home: Path, content: bytes) -> None:
    path = home / "31_toy31.run.json"
    path.write_bytes(content)
    assert read_outcome(path) is None


def test_a_request_is_read_back(home: Path) -> None:
    request = RunRequest(("31",), "fast", "student", ("epochs=1,2",), False, "python3")
    request.save(home)
    assert read_request(home) == request


@pytest.mark.parametrize("content", ['{"lessons": 5}', "[]", "", "null", '{"lessons": ["31"]}', "{"])
def test_a_broken_plan_is_refused_with_the_remedy(home: Path, content: str) -> None:
    (home / "plan.json").write_text(content)
    with pytest.raises(UsageError, match=r"plan\.json is not the plan of a run \(.*\): start a run with 'labkit run'"):
        read_request(home)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(NESTED)
@example(DIGITS)
@given(BYTES | st.builds(lambda name, value: json.dumps(asdict(RunRequest()) | {name: value}).encode(), FIELDS, JSON))
def test_any_bytes_are_a_plan_or_one_sentence(home: Path, content: bytes) -> None:
    (home / "plan.json").write_bytes(content)
    try:
        plan(read_request(home))
    except LabkitError as error:
        assert "\n" not in str(error)


def test_comments_and_what_changes_no_result_leave_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package, code in {"methods": "def double(x):\n    return 2 * x\n", "report": "x = 1\n"}.items():
        toys.write(tmp_path / package / "module.py", code)
    monkeypatch.setattr(plan_module, "__file__", str(tmp_path / "runner" / "plan.py"))
    digest = plan_module.code_digest.__wrapped__
    before = digest()
    toys.write(tmp_path / "report" / "module.py", "x = 2\n")
    toys.write(tmp_path / "methods" / "module.py", "# Twice.\n\ndef double(x):\n    # as asked\n    return 2 * x\n\n")
    assert digest() == before
    toys.write(tmp_path / "methods" / "module.py", "def double(x):\n    return 3 * x\n")
    assert digest() != before
