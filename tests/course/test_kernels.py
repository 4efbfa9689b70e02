"""Which lessons run warm and which cold: the setting, what changed, the sixth that the commit chooses."""

from __future__ import annotations

import io
import json
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import run_toys as toys

from labkit.base import source
from labkit.base.errors import UsageError
from labkit.course import editions, kernels, plan, reach, serving

NUMBERS = [str(number) for number in range(10, 27)]
TENSORFLOW = "import tensorflow as tf"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Seventeen lessons with TensorFlow and one without, all of them built; no server, no setting."""
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    monkeypatch.delenv(kernels.VARIABLE, raising=False)
    monkeypatch.delenv(serving.SERVER, raising=False)
    monkeypatch.setattr(kernels, "supported", lambda: True)
    kernels._cold_numbers.cache_clear()
    home = toys.course(tmp_path, {"00": ["1"], **{number: [TENSORFLOW, number] for number in NUMBERS}})
    for lesson in source.lessons():
        record(home, lesson)
    return home


def record(home: Path, lesson: source.Lesson, **facts: object) -> None:
    """Note in the solved edition that it was executed as it is now, except for *facts*."""
    path = home / "notebooks" / "solved" / f"{lesson.name}.ipynb"
    content = json.loads(path.read_text())
    digests = {"code_sha256": editions.code_digest(lesson), "reach_sha256": reach.digest(lesson, root=home)}
    content["metadata"]["labkit"] = {**digests, "executed": {"seconds": 1}, **facts}
    path.write_text(json.dumps(content))


def chosen(asked: str = "", counts: int = 1) -> dict[str, str]:
    """The kernel of every lesson."""
    course = source.lessons()
    return kernels.choose(asked, course, Counter({lesson.number: counts for lesson in course}))


def cold() -> set[str]:
    """The lessons with TensorFlow that run cold."""
    return kernels.cold_lessons([lesson for lesson in source.lessons() if lesson.number != "00"])


def git(home: Path, *words: str) -> None:
    """Run git in *home*, as nobody in particular."""
    who = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(home), *who, *words], check=True, capture_output=True)


def test_lessons_with_tensorflow_run_warm_but_for_a_sixth() -> None:
    found = chosen()
    assert found["00"] == kernels.COLD, "it would save nothing"
    assert Counter(found[number] for number in NUMBERS) == {serving.WARM: 14, kernels.COLD: 3}
    assert {number for number in NUMBERS if found[number] == kernels.COLD} == cold()


def test_another_commit_chooses_another_sixth_and_the_same_one_the_same(home: Path) -> None:
    git(home, "init", "-q", "-b", "main")
    git(home, "add", ".")
    seen = []
    for number in range(6):
        git(home, "commit", "-q", "--allow-empty", "-m", str(number))
        seen.append(frozenset(cold()))
        assert cold() == seen[-1] and len(seen[-1]) == 3
    assert len(set(seen)) > 1
    assert len(frozenset.union(*seen)) > 3, "in time, every lesson has its turn"


@pytest.mark.parametrize("facts", [{"code_sha256": "x"}, {"reach_sha256": "x"}, {"executed": None}])
def test_what_was_not_built_as_it_is_runs_cold(home: Path, facts: dict[str, object]) -> None:
    assert all(map(kernels.built_as_it_is, source.lessons()))
    for number in ("12", "20"):
        record(home, source.find(number), **facts)
    assert {"12", "20"} <= cold() and len(cold()) == 2 + 3


def test_a_changed_source_or_a_missing_edition_runs_cold(home: Path) -> None:
    path = source.find("12").path
    path.write_text(path.read_text().replace("\n12\n", "\n13\n"))
    (home / "notebooks" / "solved" / "20_toy20.ipynb").unlink()
    (home / "notebooks" / "solved" / "21_toy21.ipynb").write_text("no notebook")
    assert {"12", "20", "21"} <= cold()


def test_what_differs_from_main_runs_cold_though_it_was_built(home: Path) -> None:
    git(home, "init", "-q", "-b", "main")
    git(home, "add", ".")
    git(home, "reset", "-q", "--", "notebooks/source/13_toy13.py")
    git(home, "commit", "-q", "-m", "one")
    assert kernels.differing_from_main(home) == {"13_toy13.py"}, "a new one"
    git(home, "add", ".")
    git(home, "commit", "-q", "-m", "two")
    assert kernels.differing_from_main(home) == set()
    git(home, "checkout", "-q", "-b", "topic")
    for number, committed in (("12", True), ("20", False)):
        path = source.find(number).path
        path.write_text(path.read_text() + "# more\n")
        if committed:
            git(home, "commit", "-q", "-a", "-m", "three")
    assert kernels.differing_from_main(home) == {"12_toy12.py", "20_toy20.py"}
    assert {"12", "20"} <= cold()


def test_without_git_the_digests_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert len(cold()) == 3


def test_the_setting_overrules(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(chosen("cold").values()) == {kernels.COLD} == set(chosen("python3").values())
    assert set(chosen("warm").values()) == {serving.WARM}
    monkeypatch.setenv(kernels.VARIABLE, "cold")
    assert {job.kernel for job in plan.plan(profile="fast")[0]} == {kernels.COLD}
    assert {job.kernel for job in plan.plan(profile="fast", kernel="warm")[0]} == {serving.WARM}


def test_a_few_notebooks_are_not_worth_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = source.find(next(number for number in NUMBERS if number not in cold()))
    for count, kernel in ((kernels.WORTH - 1, kernels.COLD), (kernels.WORTH, serving.WARM)):
        assert kernels.choose("", [lesson], Counter({lesson.number: count})) == {lesson.number: kernel}
    monkeypatch.setattr(kernels, "serving_folder", lambda: Path("/where/one/is"))
    assert kernels.choose("", [lesson], Counter({lesson.number: 1})) == {lesson.number: serving.WARM}


def test_a_build_is_cold_whatever_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("warm", "cold", ""):
        monkeypatch.setenv(kernels.VARIABLE, word)
        assert kernels.for_build() == kernels.COLD


def test_other_systems_run_cold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "supported", lambda: False)
    monkeypatch.setattr(serving, "supported", lambda: False)
    assert set(chosen().values()) == {kernels.COLD}
    with pytest.raises(UsageError, match="Warm kernels need Linux: leave out --kernel warm"):
        kernels.check("warm")
    with serving.serving() as server:
        assert server is None


def test_a_finished_job_is_not_run_again_because_its_lot_was_another() -> None:
    keys = {word: [job.key for job in plan.plan(profile="fast", kernel=word)[0]] for word in (None, "cold", "warm")}
    assert keys[None] != keys["cold"] != keys["warm"]
    lot = {job.kernel for job in plan.plan(profile="fast")[0]}
    assert lot == {kernels.COLD, serving.WARM}
    few = plan.plan(["10"], profile="fast")[0]
    assert few[0].kernel == kernels.COLD and few[0].key in keys[None]


@pytest.mark.parametrize(
    ("code", "uses"),
    [
        ("import tensorflow as tf", True),
        ("from tensorflow import keras", True),
        ("from labkit import by_profile, keras2, start", True),
        ("import labkit.keras2.train as train", True),
        ('model = lab.baseline("lenet5")', True),
        ('file = lab.baseline_file("lenet5")', False),
        ('lab.claim("copies of tensorflow", int("tensorflow" in sys.modules))', False),
        ("import numpy as np", False),
    ],
)
def test_what_uses_tensorflow(tmp_path: Path, code: str, uses: bool) -> None:
    toys.lesson(tmp_path, "90", [code], "", {"fast": 9, "full": 9})
    assert kernels.uses_tensorflow(source.find("90")) is uses


def test_cold_ones_come_first_while_the_server_loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from labkit.course import run
    from labkit.course.run_live import Live

    asked: list[str] = []
    monkeypatch.setattr(run._Run, "work", lambda self, waiting: asked.extend(job.kernel for job in waiting) or False)
    monkeypatch.setattr(serving, "supported", lambda: False)
    jobs = plan.plan(profile="fast")[0]
    result = run.execute(jobs, tmp_path / "runs", live=Live(io.StringIO()))
    assert asked == [kernels.COLD] * 4 + [serving.WARM] * 14
    assert [one.job for one in result.outcomes] == jobs, "told in the lessons' order"


def test_nbval_is_told_each_lessons_kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    root = request.config.rootpath / "tests" / "conftest.py"
    hooks = next(one for one in request.config.pluginmanager.get_plugins() if getattr(one, "__file__", "") == str(root))
    monkeypatch.setattr(kernels, "serving_folder", lambda: Path("/where/one/is"))
    pages = {}
    for path in Path(plan.plan(["10"])[0][0].notebook).parent.glob("*.ipynb"):
        nb = SimpleNamespace(metadata={"kernelspec": {"name": "python3"}})
        pages[path.stem[:2]] = SimpleNamespace(nb=nb, path=path)
    other = SimpleNamespace(parent=SimpleNamespace(), path=Path("test_x.py"))
    hooks.pytest_collection_modifyitems([other, *(SimpleNamespace(parent=page) for page in pages.values())])
    assert {number: page.nb.metadata["kernelspec"]["name"] for number, page in pages.items()} == chosen()
