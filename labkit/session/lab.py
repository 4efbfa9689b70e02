"""A page's session, the object ``lab`` of every lesson."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit.assets import baselines, data, models
from labkit.base import learner_state, places, profile, settings
from labkit.base.clock import cpu_seconds
from labkit.base.errors import CheckFailed, ClaimFailed, LabkitError, UsageError
from labkit.deploy.accuracy import CalibrationWarning
from labkit.deploy.model import Model
from labkit.deploy.timing import processor
from labkit.exercises import framework
from labkit.session import claim as claims
from labkit.session import display, facts, measure, plot, startup, tables
from labkit.session.events import Answer, Check, Figure, Finish, Measurement, Prediction, Start, Table
from labkit.session.networks import Networks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing


def start(lesson: str, *, seed: int = 0, edition: str = "") -> Lab:
    """Begin the page of *lesson*: set seeds, threads and figure style, start the budget's clock, show the versions.

    *edition* is ``solved`` on a page that holds the course's own solutions, as `labkit build` writes it: whoever runs
    that page has solved nothing. Raises UsageError when a parameter of the page has a value of another type or outside
    its range.
    """
    return Lab(lesson, seed, edition)


class Lab:
    """One run of one page. ``rng`` is a seeded NumPy generator, ``folder`` takes the files that the page writes."""

    def __init__(self, lesson: str, seed: int, edition: str = "") -> None:
        self.started = time.monotonic()
        self.cpu_started = startup.cpu_before_the_page()
        self.lesson = lesson
        self.profile = profile.current()
        self.edition = settings.EDITION.read() or edition or "student"
        self._solved_by_the_course = "solved" in (self.edition, edition)
        self.facts = facts.of_lesson(lesson)
        self.parameters = facts.values(self.facts.parameters)
        self.seed = facts.seed(self.facts.parameters, seed)
        self.rng = np.random.default_rng(self.seed)
        self._changed = facts.changed(self.facts.parameters, self.parameters, self.profile)
        self._images: data.Dataset | None = None
        self._digests: list[tuple[str, Any, str]] = []
        self._networks = Networks()
        self._measured: list[Measurement] = []
        self._claimed: dict[str, str] = {}
        self._reference: Model | None = None
        startup.fix_threads_and_seeds(self.seed)
        plot.style()
        startup.translate_errors()
        self._say_start()

    @property
    def folder(self) -> Path:
        """Return a folder for this page's files, made when first asked for; outside the notebooks, ignored by git."""
        base = settings.FILES.read()
        folder = Path(base) if base else places.course() / "build" / "files" / self.lesson
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            folder = Path(tempfile.mkdtemp(prefix="labkit-"))
        return folder

    # Data and models

    def data(self, name: str = "fashion_mnist") -> data.Dataset:
        """Return the data set *name*, verified: ``.train``, ``.validation``, ``.test``, each ``(x, y)`` in uint8."""
        self._images = data.load(name)
        return self._images

    def baseline(self, network: str, dataset: str = "fashion_mnist") -> Any:
        """Return a trained Keras model of *network*, always a fresh copy; `finish` raises if a method changed it."""
        from labkit.keras2.protect import weights_digest

        trained = baselines.baseline(network, dataset)
        model = trained.model()
        self._networks.add(network, trained.tflite_path)
        self._digests.append((network, model, weights_digest(model)))
        return model

    def baseline_file(self, network: str, dataset: str = "fashion_mnist") -> Path:
        """Return the same trained network as a float32 ``.tflite`` file, which needs no TensorFlow."""
        path = baselines.baseline(network, dataset).tflite_path
        self._networks.add(network, path)
        return path

    # Measuring

    def measure(
        self,
        model: Any,
        *,
        name: str,
        technique: str,
        on: str = "test",
        network: str | None = None,
        threads: int = 1,
        latency: bool = True,
    ) -> Measurement:
        """Measure accuracy with interval, bytes, non-zeros, MACs and latency of a Keras model or a file.

        *model* is a Keras model, the bytes or the path of a ``.tflite`` file, or the path of a ``.lkz`` file. *on* is
        ``validation`` for every choice and ``test`` for the final figure. *network* is needed only where the page has
        loaded several networks and the model's layers have the sizes of none of them, or of two. Latency is taken
        interleaved with the session's first measured model, so that the ratio of the two is fair.
        """
        self._verify_baselines()
        images = self._images or self.data()
        split = getattr(images, on, None)
        if on not in ("train", "validation", "test") or split is None:
            raise UsageError(f"on={on!r} names no split: give 'validation' for choices, 'test' for the final figure.")

        def build(weights: Mapping[str, Any]) -> Any:
            sizes = [tensor.size for tensor in weights.values() if tensor.ndim > 1]
            return models.build(network or self._networks.find(sizes, name))

        opened = Model.open(model, build, threads=threads)
        with self._calibration_warnings_shown():
            result = measure.measure(
                opened,
                lesson=self.lesson,
                name=name,
                technique=technique,
                network=network or self._networks.find(opened.sizes, name),
                dataset=images.name,
                split=split,
                split_name=on,
                threads=threads,
                reference=self._reference,
                latency=latency,
                seconds=profile.by_profile(0.6, 0.15),
            )
        if self._reference is None and latency:
            self._reference = opened
        self._measured.append(result)
        line = tables.sentence(result)
        display.emit(result, f"<p><small>{display.escape(line)}</small></p>", line)
        return result

    def table(
        self,
        items: Iterable[Measurement | Mapping[str, Any]] | None = None,
        columns: Sequence[str] | None = None,
        caption: str = "",
    ) -> None:
        """Show measurements (default: all of this page) or rows of the lesson's own as one table."""
        rows = tables.rows_of(self._measured if items is None else items, columns)
        display.emit(Table(self.lesson, len(rows), caption), tables.html(rows, caption), tables.text(rows))

    def claim(
        self,
        id: str,
        text: str,
        value: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        between: tuple[float, float] | None = None,
        equals: float | None = None,
        unit: str = "",
        label: str = "",
        spread: float | None = None,
        holds: str = "full",
        at: Mapping[str, Any] | None = None,
    ) -> None:
        """Compare *value* with one of the four bounds; raises ClaimFailed if the claim is asserted and fails.

        *id*, such as ``31.sparsity``, names the claim for the tables and stays when its *text* is reworded. *text* is
        a sentence. *label* names the value, and is shown with it, as are *unit* (``%`` for a fraction) and *spread*.
        ``holds="full"``: asserted in the full and study profiles at the default parameters, else only shown.
        ``holds="always"``: asserted at any size and with any parameter. ``at`` names parameters that the claim is
        about (``at={"dataset": "mnist"}``): with other values of them, the page does not show the claim.
        Raises UsageError for an id of another form or lesson, for one that another text has on this page, and unless
        there is exactly one bound.
        """
        if holds not in ("full", "always"):
            raise UsageError(f"holds={holds!r} is not known: 'full' (at the defaults, full profile) or 'always'.")
        at = at or {}
        asserted = holds == "always" or (self.profile != "fast" and self._as_documented(at))
        chosen = ", ".join(f"{name} = {value}" for name, value in at.items())
        result = claims.judge(
            self.lesson,
            id,
            text,
            value,
            at_least=at_least,
            at_most=at_most,
            between=between,
            equals=equals,
            unit=unit,
            label=label,
            spread=spread,
            asserted=asserted,
            when="" if holds == "always" else f"in a full run with {chosen or 'the default parameters'}",
        )
        if self._claimed.setdefault(id, text) != text:  # a cell that is run again makes the same claim
            raise UsageError(
                f"The claim id {id!r} is already used by {self._claimed[id]!r}: choose another for {text!r}."
            )
        if any(self.parameters.get(name) != wanted for name, wanted in at.items()):
            return
        sentence = claims.sentence(result)
        display.emit(result, claims.html(result), f"{result.status}: {sentence}")
        if result.status == "failed":
            raise ClaimFailed(f"{sentence}.")

    # Talking with the learner

    def predict(self, key: str, question: str, options: Sequence[str], guess: object = None) -> None:
        """Ask for a guess before the result is seen; it is kept on this machine, never graded, and never blocks.

        Case, blanks around the guess and a full stop at its end do not matter. A guess that is none of the options is
        shown with them, and counts as none.
        """
        chosen = _option(guess, options)
        learner_state.remember("predictions.json", self.lesson, key, chosen)
        if chosen is not None:
            kind, said = "info", f"your guess: {chosen}"
        elif guess is None or guess is ...:
            kind, said = "info", "no guess made"
        else:
            kind, said = "warning", f"{str(guess)[:80]!r} is none of the options: write one of them in quotes, or None"
        choices = "".join(f"<li>{display.escape(option)}</li>" for option in options)
        page = display.note(kind, f"<b>{display.escape(question)}</b><ul>{choices}</ul>{display.escape(said)}")
        text = f"{question} [{' / '.join(options)}] {said}"
        display.emit(Prediction(self.lesson, key, question, chosen), page, text)

    def answer(self, key: str, actual: str) -> None:
        """Set the guess made under *key* beside what was measured."""
        guess = learner_state.recall("predictions.json").get(self.lesson, {}).get(key)
        if guess is None:
            text = f"measured: {actual}; no guess was made"
        else:
            text = f"measured: {actual}; you guessed {guess}" + (": right" if guess == actual else "")
        display.emit(Answer(self.lesson, key, guess, actual), display.note("info", display.escape(text)), text)

    def check(self, exercise: str, attempt: Any) -> Any:
        """Judge *attempt*; return it if it is right, else the course's own, so that the page always goes on.

        In the solved edition a failing check raises CheckFailed, and a right one is not noted as the learner's.
        """
        task = framework.exercise(exercise)
        verdict = framework.judge(task, attempt)
        message = verdict.message if verdict.message.endswith("?") else f"{verdict.message}."
        if verdict.passed and not self._solved_by_the_course:
            learner_state.remember_check(self.lesson, exercise)
        if not verdict.passed and self.edition == "solved":
            raise CheckFailed(f"Exercise {exercise}: {message}")
        if verdict.passed:
            sign, kind = "✓", "success"
        elif verdict.attempted:
            sign, kind = "✗", "warning"
        else:
            sign, kind = "…", "info"
        text = f"{sign} {exercise}: {message}"
        if not verdict.passed:
            text += " The page goes on with the course's own solution."
        event = Check(self.lesson, exercise, verdict.passed, verdict.attempted, verdict.message)
        display.emit(event, display.note(kind, display.escape(text)), text)
        return attempt if verdict.passed else task.reference

    def show(self, figure: Drawing, alt: str) -> None:
        """Show *figure* with its alt text and close it; raises LabkitError when the alt text is missing."""
        page, size = plot.image(figure, alt)
        display.emit(Figure(self.lesson, alt, size), page, f"[figure: {alt}]")

    def colour(self, technique: str) -> str:
        """Return the colour of *technique* in every figure of the course; also of ``guide`` and ``fill``.

        ``guide`` is a grey for helper lines and their labels, ``fill`` a light grey for bars and areas. Matplotlib's
        ``"C0"`` to ``"C6"`` are the course's colours for everything else.
        """
        return plot.colour(technique)

    def label_line(self, axes: Axes, x: float, y: float, text: str, technique: str, **offset: float) -> None:
        """Write *text* beside a line's end (*x*, *y*), in the technique's colour, ``dx`` and ``dy`` points away."""
        plot.label_line(axes, x, y, text, technique, **offset)

    def say(self, markdown: str) -> None:
        """Show prose whose numbers come from variables."""
        from IPython.display import Markdown
        from IPython.display import display as show

        show(Markdown(markdown))

    def finish(self, markdown: str) -> None:
        """Show what was seen, in prose with numbers from variables; verify the baselines and report the times taken.

        A page over its budget says so. The budget is in processor seconds, which do not grow when another page runs
        beside this one.
        """
        self._verify_baselines()
        self.say(markdown)
        elapsed, cpu, budget = time.monotonic() - self.started, cpu_seconds() - self.cpu_started, self.budget_s
        allowed = f", budget {budget:g} s" if budget else ""
        text = f"finished in {elapsed:.0f} s, {cpu:.0f} s of processor time (profile {self.profile}{allowed})"
        if budget is not None and cpu > budget:
            page = display.note("warning", f"{text}: over its budget")
        else:
            page = f"<p><small>{text}</small></p>"
        display.emit(Finish(self.lesson, markdown, elapsed, cpu, budget), page, text)

    @property
    def budget_s(self) -> float | None:
        """Return the processor seconds that this page may take in the profile in force; None in study."""
        return self.facts.budget_s.get(self.profile)

    # Within

    @contextmanager
    def _calibration_warnings_shown(self) -> Iterator[None]:
        """Show a warning about an int8 file's calibration on the page; let every other warning through."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CalibrationWarning)
            yield
        for warning in caught:
            if issubclass(warning.category, CalibrationWarning):
                display.warn(str(warning.message))
            else:
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)

    def _as_documented(self, at: Mapping[str, Any]) -> bool:
        """Return whether every parameter has its default, those in *at* the value that *at* gives."""
        wanted = all(self.parameters.get(name) == value for name, value in at.items())
        return self.facts.known and wanted and not self._changed - set(at)

    def _verify_baselines(self) -> None:
        if not self._digests:  # a page without TensorFlow stays without
            return
        from labkit.keras2.protect import weights_digest

        for network, model, digest in self._digests:
            if weights_digest(model) != digest:
                raise LabkitError(
                    f"The baseline {network} is no longer what it was: a method has changed it in place; give methods "
                    "labkit.keras2.clone(baseline) instead, and call lab.baseline again for a fresh one."
                )

    def _say_start(self) -> None:
        versions, cpu = facts.versions(), processor()
        event = Start(
            lesson=self.lesson,
            title=self.facts.title,
            profile=self.profile,
            edition=self.edition,
            seed=self.seed,
            parameters=self.parameters,
            at_defaults=not self._changed,
            versions=versions,
            cpu=cpu,
            threads=startup.THREADS[0],
            date=date.today().isoformat(),
            budget_s=self.budget_s,
        )
        packages = " · ".join(f"{name} {version}" for name, version in versions.items())
        text = f"lesson {self.lesson} · profile {self.profile} · seed {self.seed} · {cpu} · {packages}"
        display.emit(event, f"<p><small>{display.escape(text)}</small></p>", text)


def _option(guess: object, options: Sequence[str]) -> str | None:
    """Return the option that *guess* means, whatever its case, outer blanks, final full stop and type."""
    if guess is None or guess is ...:
        return None
    meant = _plain(guess)
    return next((option for option in options if _plain(option) == meant), None)


def _plain(text: object) -> str:
    return " ".join(str(text).split()).rstrip(". ").casefold()
