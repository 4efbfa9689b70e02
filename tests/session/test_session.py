"""The session of a page: when a claim is asserted, what a check gives back, what notices a changed baseline."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from labkit.assets import baselines
from labkit.base import files, learner_state
from labkit.base.errors import CheckFailed, ClaimFailed, LabkitError, UsageError
from labkit.exercises import framework
from labkit.lesson import source
from labkit.lesson.parameters import parse
from labkit.session import display, events, facts
from labkit.session import lab as session

KNOWN = parse(
    "from labkit import by_profile\n"
    'dataset: str = "fashion_mnist"  # data set; fashion_mnist or mnist\n'
    "epochs: int = by_profile(10, 1)  # passes over the images; 1 to 50\n".partition("\n")[2]
)
PAGE = facts.Facts("Toys", {"fast": 15, "full": 60}, KNOWN, True)


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LABKIT_FILES", str(tmp_path / "files"))
    for name in ("LABKIT_EDITION", "LABKIT_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch):
    """Begin a page in a profile, with values for its parameters (the defaults where none is given)."""

    def _begin(profile: str = "full", page: facts.Facts = PAGE, edition: str = "student", **changed: object):
        monkeypatch.setenv("LABKIT_PROFILE", profile)
        monkeypatch.setenv("LABKIT_EDITION", edition)
        monkeypatch.setattr(facts, "of_lesson", lambda _: page)
        values = {each.name: each.defaults[profile] for each in page.parameters} | changed
        monkeypatch.setattr(facts, "values", lambda _: values)
        return session.start("99", seed=5)

    return _begin


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Every event's record, with a claim's status, its HTML under ``page`` and text under ``words``."""
    records: list[dict] = []

    def keep(event: events.Event, page: str, text: str) -> None:
        assert events.event_of(event.to_dict()) == event  # what a page writes, the report can read
        status = {"status": event.status} if isinstance(event, events.Claim) else {}
        records.append({**event.to_dict(), **status, "page": page, "words": text})

    monkeypatch.setattr(display, "emit", keep)
    return records


MNIST = {"dataset": "mnist"}


@pytest.mark.parametrize(
    ("profile", "changed", "claim", "asserted"),
    [
        ("full", {}, {}, True),
        ("study", {}, {}, True),
        ("fast", {}, {}, False),
        ("full", {"epochs": 2}, {}, False),
        ("fast", {"epochs": 2}, {"holds": "always"}, True),
        ("full", MNIST, {"at": MNIST}, True),
        ("full", MNIST, {}, False),
        ("full", MNIST | {"epochs": 2}, {"at": MNIST}, False),
        ("fast", MNIST, {"at": MNIST}, False),
    ],
)
def test_when_a_claim_is_asserted(begin, emitted, profile: str, changed: dict, claim: dict, asserted: bool) -> None:
    lab = begin(profile, **changed)
    lab.claim("99.right", "right", 1, equals=1, **claim)
    assert emitted[-1]["status"] == ("held" if asserted else "shown")
    if asserted:
        with pytest.raises(ClaimFailed, match=r"wrong \(2; required = 1\)\."):
            lab.claim("99.wrong", "wrong", 2, equals=1, **claim)
    else:
        lab.claim("99.wrong", "wrong", 2, equals=1, **claim)
    assert emitted[-1]["status"] == ("failed" if asserted else "shown")  # a failed claim leaves its record first
    assert emitted[-1]["held"] is False


@pytest.mark.parametrize("at", [MNIST, {"unheard of": 1}])
def test_a_claim_about_other_parameters_is_not_shown(begin, emitted, at: dict) -> None:
    lab = begin("full")
    before = len(emitted)
    lab.claim("99.wrong", "wrong", 2, equals=1, at=at, holds="always")
    assert len(emitted) == before


def test_away_from_the_course_nothing_is_asserted_but_what_always_holds(begin, emitted) -> None:
    lab = begin(page=facts.Facts())
    lab.claim("99.wrong", "wrong", 2, equals=1)
    with pytest.raises(ClaimFailed):
        lab.claim("99.wrong", "wrong", 2, equals=1, holds="always")


def test_holds_is_one_of_two(begin) -> None:
    with pytest.raises(UsageError, match="holds='sometimes' is not known"):
        begin().claim("99.c", "c", 1, equals=1, holds="sometimes")


def test_start_says_what_it_found_and_sets_every_seed(begin, emitted) -> None:
    first = begin("fast", epochs=3)
    event = emitted[0]
    assert (event["kind"], event["title"], event["profile"], event["seed"]) == ("start", "Toys", "fast", 5)
    assert event["at_defaults"] is False and event["parameters"]["epochs"] == 3 and event["budget_s"] == 15
    drawn = (first.rng.random(), random.random(), np.random.random())
    again = begin("fast")
    assert drawn == (again.rng.random(), random.random(), np.random.random())
    assert emitted[-1]["at_defaults"] is True


def test_the_lessons_of_the_course_are_known() -> None:
    for lesson in source.lessons():
        page = facts.of_lesson(lesson.number)
        assert page.known and page.title == lesson.title and page.budget_s["fast"]
    assert facts.of_lesson("98") == facts.Facts()


@pytest.mark.parametrize(
    ("value", "converted"),
    [(3, 3), (3.0, 3), ("3", 3), (0.5, None), ("abc", None), (0, None), (True, None), (None, None)],
)
def test_values_of_parameters_are_read_as_the_command_reads_them(value: object, converted: int | None) -> None:
    space = {"epochs": value, "other": "kept"}
    if converted is None:
        with pytest.raises(
            UsageError, match=r"Parameter epochs is .*, but must be (a whole number, )?1 to 50 \(passes"
        ):
            facts.read_into(KNOWN, space)
    else:
        assert facts.read_into(KNOWN, space) == {"epochs": 3}
        assert space == {"epochs": 3, "other": "kept"} and type(space["epochs"]) is int


def test_a_seed_is_a_whole_number_with_and_without_a_parameter() -> None:
    known = parse("seed: int = 7  # random seed; 0 to 2**31 - 1")
    assert facts.seed(known, 7.0) == 7 and facts.seed([], 7) == 7
    for seed in ("abc", -1, 2**31, 0.5, None, True):
        for parameters in ([], known):
            with pytest.raises(UsageError, match="seed is "):
                facts.seed(parameters, seed)


@pytest.mark.parametrize(
    ("seed", "shown"), [("7.0", "7 int 7"), ("'7'", "7 int 7"), ("'abc'", "Parameter seed is 'abc'")]
)
def test_a_notebook_without_our_command_gets_the_same_values_and_refusals(seed: str, shown: str) -> None:
    import nbformat
    from nbclient import NotebookClient

    code = f"from labkit import start\nseed = {seed}\nlab = start('20', seed=seed)\n"
    code += "print(seed, type(seed).__name__, lab.seed)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True).execute()
    outputs = notebook.cells[0].outputs
    assert shown in (outputs[-1].get("text") or outputs[-1]["evalue"])


# Predictions and checks


def test_predict_never_blocks(begin, emitted) -> None:
    lab = begin()
    lab.predict("99.p", "Which?", ["<a>", "b"])
    lab.answer("99.p", "b")
    assert emitted[-2]["guess"] is None and "&lt;a&gt;" in emitted[-2]["page"]
    assert "no guess was made" in emitted[-1]["words"]
    lab.answer("99.never asked", "b")


def test_a_guess_is_taken_up(begin, emitted) -> None:
    lab = begin()
    lab.predict("99.p", "Which?", ["a", "b"], guess="a")
    lab.answer("99.p", "b")
    assert emitted[-1]["words"] == "measured: b; you guessed a"
    lab.answer("99.p", "a")
    assert emitted[-1]["words"].endswith("you guessed a: right")


@pytest.mark.parametrize("guess", ["shirt", " Shirt ", "SHIRT.", "Shirt .", "80"])
def test_case_blanks_and_a_full_stop_in_a_guess_do_not_matter(begin, emitted, guess: str) -> None:
    lab = begin()
    lab.predict("99.p", "Which?", ["Shirt", "80", "T-shirt/top"], guess=guess)
    assert emitted[-1]["guess"] == ("80" if guess == "80" else "Shirt") and "labkit-info" in emitted[-1]["page"]
    lab.answer("99.p", emitted[-1]["guess"])
    assert emitted[-1]["words"].endswith(": right")


@pytest.mark.parametrize("guess", ["shrit", 7, 0.5, "", ["Shirt"], "<b>", "x" * 5000])
def test_a_guess_that_is_no_option_never_stops_the_page(begin, emitted, guess: object) -> None:
    begin().predict("99.p", "Which?", ["Shirt", "80"], guess=guess)
    assert emitted[-1]["guess"] is None
    assert "labkit-warning" in emitted[-1]["page"] and "<li>Shirt</li><li>80</li>" in emitted[-1]["page"]
    assert "is none of the options" in emitted[-1]["words"] and len(emitted[-1]["words"]) < 250
    assert "<b>&#x27;" not in emitted[-1]["page"] and learner_state.recall("predictions.json")["99"]["99.p"] is None


def test_a_number_may_name_its_option(begin, emitted) -> None:
    lab = begin()
    lab.predict("99.p", "How many?", ["40", "80"], guess=80)
    assert emitted[-1]["guess"] == "80"
    lab.predict("99.p", "How many?", ["40", "80"], guess=...)
    assert emitted[-1]["guess"] is None and "no guess made" in emitted[-1]["words"]


def test_where_the_home_cannot_be_written_the_page_goes_on(begin, emitted, tmp_path, monkeypatch) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("LABKIT_STATE", str(tmp_path / "home" / "state"))
    lab = begin()
    lab.predict("99.p", "Which?", ["a", "b"], guess="a")
    lab.answer("99.p", "a")
    lab.check("99.1", len)
    assert [event["kind"] for event in emitted] == ["start", "prediction", "answer", "check"]


@pytest.fixture(autouse=True)
def count(monkeypatch: pytest.MonkeyPatch) -> framework.Exercise:
    task = framework.Exercise(
        "99.1",
        lambda things: sum(1 for _ in things),
        mistakes=[framework.Mistake("one more", lambda things: len(things) + 1, "you count from one")],
        cases=[("two", ("ab",)), ("none", ("",))],
    )
    monkeypatch.setattr(framework, "exercise", lambda _: task)
    return task


def test_a_right_attempt_comes_back_and_is_noted(begin, emitted) -> None:
    assert begin().check("99.1", len) is len
    assert emitted[-1]["passed"] is True and "labkit-success" in emitted[-1]["page"]
    assert "99.1" in learner_state.recall("progress.json")["99"]


@pytest.mark.parametrize(
    ("attempt", "attempted", "kind", "said"),
    [
        (lambda things: len(things) + 1, True, "warning", "you count from one"),
        (lambda things: 7, True, "warning", "expected 2, got 7"),
        (lambda things: print(len(things)), True, "warning", "returns None: is a return missing? The page goes on"),
        (lambda things: ..., False, "info", "not attempted yet."),
        (..., False, "info", "not attempted yet"),
    ],
)
def test_a_wrong_attempt_gives_the_courses_own(begin, emitted, count, attempt, attempted, kind, said) -> None:
    assert begin().check("99.1", attempt) is count.reference
    event = emitted[-1]
    assert (event["passed"], event["attempted"]) == (False, attempted)
    assert f"labkit-{kind}" in event["page"] and said in event["words"]
    assert event["words"].endswith("The page goes on with the course's own solution.")
    assert learner_state.recall("progress.json") == {}


@pytest.mark.parametrize(("variable", "edition"), [("solved", ""), ("", "solved"), ("student", "solved")])
def test_what_the_course_solved_is_nobodys_progress(begin, emitted, monkeypatch, variable, edition) -> None:
    begin()  # the page's facts are those of the toys
    monkeypatch.setenv("LABKIT_EDITION", variable)
    lab = session.start("99", seed=5, edition=edition)
    assert lab.edition == (variable or edition)
    assert lab.check("99.1", len) is len and emitted[-1]["passed"] is True
    assert learner_state.recall("progress.json") == {}


@pytest.mark.parametrize("attempt", [lambda things: 7, ...])
def test_in_the_solved_edition_a_wrong_solution_raises(begin, attempt) -> None:
    with pytest.raises(CheckFailed, match=r"Exercise 99\.1: "):
        begin(edition="solved").check("99.1", attempt)


# Models, figures, files


class Weights:
    """As much of a model as a digest needs."""

    def __init__(self) -> None:
        self.value = np.zeros(3)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    shipped = SimpleNamespace(model=Weights, tflite_path=Path("net.tflite"))
    monkeypatch.setattr(baselines, "baseline", lambda *_: shipped)
    digests = SimpleNamespace(weights_digest=lambda model: model.value.tobytes().hex())
    monkeypatch.setitem(sys.modules, "labkit.keras2.protect", digests)  # the real one brings TensorFlow


def test_a_baseline_is_fresh_each_time(begin, fake) -> None:
    lab = begin()
    one, other = lab.baseline("net"), lab.baseline("net")
    one.value += 1
    assert not other.value.any()
    assert lab.baseline_file("net") == Path("net.tflite")


@pytest.mark.parametrize("what", ["finish", "measure"])
def test_a_baseline_changed_in_place_is_noticed(begin, fake, what: str) -> None:
    lab = begin()
    baseline = lab.baseline("net")
    lab.finish("Nothing has changed.")
    baseline.value[1] = 1e-6
    with pytest.raises(LabkitError, match=r"The baseline net is no longer what it was: .*clone\(baseline\)"):
        lab.finish("") if what == "finish" else lab.measure(baseline, name="n", technique="t")


def test_a_real_baseline_changed_by_hand_is_noticed(begin, monkeypatch) -> None:
    from labkit.keras2.protect import clone

    lab = begin()
    baseline = lab.baseline("lenet_300_100")
    copy = clone(baseline)
    copy.set_weights([weight * 0 for weight in copy.get_weights()])
    lab.finish("A clone's weights are its own.")
    weights = baseline.get_weights()
    weights[0][0, 0] += 1
    baseline.set_weights(weights)
    with pytest.raises(LabkitError, match="lenet_300_100 is no longer"):
        lab.finish("")


def test_measure_without_tensorflow(begin, emitted) -> None:
    few = SimpleNamespace(x=np.zeros((4, 28, 28), "uint8"), y=np.zeros(4, "uint8"))
    lab = begin("fast")
    lab._images = SimpleNamespace(name="few", train=few, validation=few, test=few)
    path = lab.baseline_file("lenet_300_100")
    first = lab.measure(path, name="one", technique="baseline")
    second = lab.measure(path, name="two", technique="baseline", on="validation", network="other")
    assert (first.network, first.split, first.latency_ratio) == ("lenet_300_100", "test", 1.0)
    assert (second.network, second.split) == ("other", "validation") and second.latency_ratio != 1.0
    assert emitted[-1]["kind"] == "measurement" and emitted[-1]["name"] == "two"
    lab.table()
    assert emitted[-1]["rows"] == 2
    with pytest.raises(UsageError, match="on='tests' names no split"):
        lab.measure(path, name="n", technique="t", on="tests")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A data set of four black images."""
    split = SimpleNamespace(x=np.zeros((4, 28, 28), "uint8"), y=np.zeros(4, "uint8"))
    return SimpleNamespace(name="few", train=split, validation=split, test=split)


def test_a_measurement_reads_and_opens_its_file_once(begin, few, monkeypatch, tmp_path) -> None:
    from ai_edge_litert import interpreter as litert

    lab = begin("fast")
    lab._images = few
    paths = [tmp_path / "one.tflite", tmp_path / "two.tflite"]
    for path in paths:
        path.write_bytes(lab.baseline_file("lenet_300_100").read_bytes())
    opened, files_read = [], []
    interpreter, read = litert.Interpreter, files.read

    def count_open(**options: object) -> object:
        opened.append(options["num_threads"])
        return interpreter(**options)

    def count_read(path: Path, *limits: object) -> bytes:
        files_read.append(path)
        return read(path, *limits)

    monkeypatch.setattr(litert, "Interpreter", count_open)
    monkeypatch.setattr(files, "read", count_read)
    lab.measure(paths[0], name="one", technique="baseline")
    assert (opened, files_read) == ([1], paths[:1])
    lab.measure(paths[1], name="two", technique="baseline")  # timed against the first, which is open
    assert (opened, files_read) == ([1, 1], paths)
    lab.measure(paths[1], name="two", technique="baseline", threads=2)  # other threads: the reference too
    assert (opened, files_read) == ([1, 1, 2, 2], [*paths, paths[1]])


@pytest.mark.parametrize(("profile", "seconds"), [("fast", 0.15), ("full", 0.6), ("study", 0.6)])
def test_the_time_spent_on_a_latency_depends_on_the_profile(begin, few, monkeypatch, profile, seconds) -> None:
    from labkit.deploy import timing

    spent = []
    original = timing.latency

    def latency(sources: object, threads: int, seconds: float) -> object:
        spent.append(seconds)
        return original(sources, threads, seconds=0.02)

    monkeypatch.setattr(timing, "latency", latency)
    lab = begin(profile)
    lab._images = few
    lab.measure(lab.baseline_file("lenet_300_100"), name="one", technique="baseline")
    assert spent == [seconds]


def test_a_model_is_assigned_to_the_network_whose_layers_it_has(begin, few) -> None:
    """Lesson 52 loads its teacher last, and goes on to measure the small network."""
    lab = begin("fast")
    lab._images = few
    small, teacher = lab.baseline_file("lenet_300_100"), lab.baseline_file("lenet5")
    rows = [lab.measure(path, name="n", technique="t", latency=False) for path in (small, teacher)]
    assert [row.network for row in rows] == ["lenet_300_100", "lenet5"]


def test_a_model_of_neither_network_needs_its_name(begin, few, tmp_path) -> None:
    import tensorflow as tf

    lab = begin("fast")
    lab._images = few
    layers = [tf.keras.layers.Input((28, 28, 1)), tf.keras.layers.Flatten(), tf.keras.layers.Dense(10)]
    other = tf.keras.Sequential(layers)
    lab.baseline_file("lenet_300_100")
    assert lab.measure(other, name="n", technique="t", latency=False).network == "lenet_300_100"
    lab.baseline_file("lenet5")
    with pytest.raises(
        UsageError, match=r"lenet_300_100 and lenet5, and the layers of 'cut' .* none of them: give netw"
    ):
        lab.measure(other, name="cut", technique="t", latency=False)
    assert lab.measure(other, name="cut", technique="t", latency=False, network="lenet5").network == "lenet5"


def test_a_lkz_file_finds_its_network_by_its_tensors(begin, few, tmp_path) -> None:
    from labkit.assets import models
    from labkit.keras2.tensors import tensors
    from labkit.methods import lkz

    lab = begin("fast")
    lab._images = few
    lkz.write(tmp_path / "small.lkz", tensors(models.build("lenet_300_100", 1)))
    for network in ("lenet_300_100", "lenet5"):
        lab.baseline_file(network)
    assert lab.measure(tmp_path / "small.lkz", name="a", technique="t", latency=False).network == "lenet_300_100"


def test_a_lkz_file_may_be_the_first_that_is_timed(begin, tmp_path) -> None:
    from labkit.assets import models
    from labkit.keras2.tensors import tensors
    from labkit.methods import lkz

    lab, model = begin(), models.build("lenet_300_100", 1)
    lkz.write(tmp_path / "small.lkz", tensors(model))
    assert lab.measure(tmp_path / "small.lkz", name="a", technique="t", network="lenet_300_100").latency_ratio == 1
    assert 0.2 < lab.measure(model, name="b", technique="t", network="lenet_300_100").latency_ratio < 5


def test_show_needs_alt_text(begin, emitted) -> None:
    import matplotlib.pyplot as plt

    lab = begin()
    figure, _ = plt.subplots()
    with pytest.raises(LabkitError, match="alt text"):
        lab.show(figure, alt="a plot")
    lab.show(figure, alt="An empty pair of axes, nothing else.")
    assert emitted[-1]["kind"] == "figure" and 0 < emitted[-1]["bytes"] <= 80 * 1024


def test_finish_says_when_it_is_over_budget(begin, emitted) -> None:
    lab = begin("fast")
    lab.finish("Done.")
    assert emitted[-1]["budget_s"] == 15 and "labkit-note" not in emitted[-1]["page"]
    lab.started -= 100  # waiting is no work: the budget is in processor time
    lab.finish("Done.")
    assert emitted[-1]["elapsed_s"] > 100 and "labkit-note" not in emitted[-1]["page"]
    lab.cpu_started -= 100
    lab.finish("Done.")
    assert emitted[-1]["cpu_s"] > 100 and "over its budget" in emitted[-1]["page"]
    assert begin("study").budget_s is None


def test_the_folder_for_files(begin, tmp_path, monkeypatch) -> None:
    lab = begin()
    assert lab.folder == tmp_path / "files" and lab.folder.is_dir()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABKIT_FILES", str(tmp_path / "file" / "below"))
    assert lab.folder.is_dir()  # elsewhere, where the page can still write
