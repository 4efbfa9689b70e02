"""What is run: lessons × products × extremes, and the names that results are kept under."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import run_toys as toys
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.runner.plan import Outcome, plan, read_outcome


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    monkeypatch.delenv("LABKIT_KERNEL", raising=False)
    return toys.course(tmp_path, {"00": ["1"], "31": ["2"], "40": ["3"]}, parameters={"00": "", "40": toys.SEED})


def test_every_lesson_in_order_at_its_defaults(home: Path) -> None:
    jobs, remarks = plan(profile="fast")
    assert [(job.lesson, job.parameters, job.label) for job in jobs] == [
        ("00", {}, "fast"),
        ("31", {}, "fast"),
        ("40", {}, "fast"),
    ]
    assert not remarks
    assert jobs[0].notebook == str(home / "notebooks" / "solved" / "00_toy00.ipynb")
    assert (jobs[0].budget_s, jobs[0].limit_s) == (20, 80)


def test_student_edition_and_study(home: Path) -> None:
    job = plan(["31"], profile="study", edition="student")[0][0]
    assert job.notebook == str(home / "notebooks" / "31_toy31.ipynb")
    assert job.label == "study-student" and job.budget_s is None and job.limit_s == 3 * 3600


def test_a_product_has_a_folder_each_and_keeps_types() -> None:
    jobs, _ = plan(["31"], settings=["sparsity=0.5,0.9", "epochs=1,2,3", "epochs=3"])
    assert len(jobs) == 6 and len({job.place for job in jobs}) == 6
    assert jobs[0].parameters == {"epochs": 1, "sparsity": 0.5}
    assert isinstance(jobs[0].parameters["epochs"], int)
    assert jobs[0].label == "full-epochs=1-sparsity=0.5"
    assert jobs[0].command == "labkit run 31 -p epochs=1 -p sparsity=0.5"


def test_a_lesson_without_the_parameter_runs_at_its_defaults_and_says_so() -> None:
    jobs, remarks = plan(profile="fast", settings=["seed=1,2", "sparsity=0.5"])
    assert [(job.lesson, job.parameters) for job in jobs] == [
        ("00", {}),
        ("31", {"sparsity": 0.5}),
        ("40", {"seed": 1}),
        ("40", {"seed": 2}),
    ]
    assert remarks[0] == "Lesson 00 has no parameter seed or sparsity: its default stands."


def test_extremes_take_each_end_once_with_the_full_profiles_time() -> None:
    jobs, _ = plan(["31", "40"], profile="fast", extremes=True)
    assert [job.parameters for job in jobs] == [
        {"epochs": 1}, {"epochs": 50}, {"sparsity": 0.0}, {"sparsity": 0.99},
        {"dataset": "fashion_mnist"}, {"dataset": "mnist"}, {"seed": 0}, {"seed": 2**31 - 1},
    ]  # fmt: skip
    assert {job.profile for job in jobs} == {"fast"} and {job.limit_s for job in jobs} == {160}


def test_a_lesson_named_twice_runs_once() -> None:
    assert len(plan(["31", "31_toy31", "toy31"])[0]) == 1


def test_the_key_follows_code_and_parameters_but_not_outputs(home: Path) -> None:
    before = plan(["31"])[0][0].key
    assert plan(["31"])[0][0].key == before
    assert plan(["31"], profile="fast")[0][0].key != before
    assert plan(["31"], settings=["epochs=1"])[0][0].key != before
    path = home / "notebooks" / "solved" / "31_toy31.ipynb"
    text = path.read_text()
    path.write_text(
        text.replace('"outputs": []', '"outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}]')
    )
    assert plan(["31"])[0][0].key == before
    path.write_text(text.replace('"source": "2"', '"source": "4"'))
    assert plan(["31"])[0][0].key != before


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=4),
    st.lists(st.floats(0, 0.99, allow_nan=False), min_size=1, max_size=4),
)
def test_every_combination_once_in_a_folder_of_its_own(epochs: list[int], sparsity: list[float]) -> None:
    words = ["epochs=" + ",".join(map(str, epochs)), "sparsity=" + ",".join(map(repr, sparsity))]
    jobs, _ = plan(["31"], settings=words)
    assert len(jobs) == math.prod(len(set(values)) for values in (epochs, sparsity))
    assert len({job.place for job in jobs}) == len(jobs)
    assert all(re.fullmatch(r"[\w.=+-]{1,120}", job.label) for job in jobs)
    assert {(job.parameters["epochs"], job.parameters["sparsity"]) for job in jobs} == {
        (one, other) for one in epochs for other in sparsity
    }


def test_an_outcome_is_read_back(home: Path) -> None:
    outcome = Outcome(plan(["31"], settings=["sparsity=0.5"])[0][0], "failed", "error", "ü", 2, 3, 1.5, "now", 2)
    outcome.save(home)
    assert read_outcome(outcome.job.paths(home)[1]) == outcome
    (home / "other.run.json").write_text('{"job": {"lesson": 1}}')
    assert read_outcome(home / "other.run.json") is None and read_outcome(home / "none") is None
