"""A page's session: what ``lab`` is in every lesson."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit.assets import baselines, data
from labkit.base import places, profile, settings
from labkit.base.errors import CheckFailed, ClaimFailed, LabkitError, UsageError
from labkit.deploy.timing import processor
from labkit.exercises import framework
from labkit.session import claim as claims
from labkit.session import facts, measure, plot, record, startup, tables
from labkit.session.measure import Measurement

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def start(lesson: str, *, seed: int = 0) -> Lab:
    """Begin the page of *lesson*: seeds, threads, figure style and the budget's clock; says what it found."""
    return Lab(lesson, seed)


class Lab:
    """One run of one page. ``rng`` is a NumPy generator, ``folder`` a place for the files that the page makes."""

    def __init__(self, lesson: str, seed: int) -> None:
        self.lesson, self.seed, self.profile = lesson, seed, profile.current()
        self.rng = np.random.default_rng(seed)
        self.started = time.monotonic()
        self.edition = settings.EDITION.read() or "student"
        self.facts = facts.of_lesson(lesson)
        self.parameters = facts.values(self.facts.parameters)
        self._changed = facts.changed(self.facts.parameters, self.parameters, self.profile)
        self._images: data.Dataset | None = None
        self._digests: list[tuple[str, Any, str]] = []
        self._measured: list[Measurement] = []
        self._reference: Any = None
        self._network = ""
        startup.fix_threads_and_seeds(seed)
        plot.style()
        startup.translate_errors()
        self._say_start()

    @property
    def folder(self) -> Path:
        """A folder for this page's files, made when first asked for; outside the notebooks, ignored by git."""
        base = settings.FILES.read()
        folder = Path(base) if base else places.course() / "build" / "files" / self.lesson
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            folder = Path(tempfile.mkdtemp(prefix="labkit-"))
        return folder

    # Data and models

    def data(self, name: str = "fashion_mnist") -> data.Dataset:
        """The data set *name*: ``.train``, ``.validation``, ``.test``, each ``(x, y)`` in uint8, checksums verified."""
        self._images = data.load(name)
        return self._images

    def baseline(self, network: str, dataset: str = "fashion_mnist") -> Any:
        """A trained Keras model of *network*, a fresh copy each time; `finish` raises if a method has changed it."""
        from labkit.keras2.protect import weights_digest

        model = baselines.baseline(network, dataset).model()
        self._network = network
        self._digests.append((network, model, weights_digest(model)))
        return model

    def baseline_file(self, network: str, dataset: str = "fashion_mnist") -> Path:
        """The same trained network as a float32 ``.tflite`` file, which needs no TensorFlow."""
        self._network = network
        return baselines.baseline(network, dataset).tflite_path

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
        """Accuracy with interval, bytes, non-zeros, MACs and latency of a Keras model or a ``.tflite`` path.

        *on* is ``validation`` for every choice and ``test`` for the final figure. Latency is taken interleaved with
        the session's first measured model, so that the ratio of the two is fair.
        """
        self._verify_baselines()
        images = self._images or self.data()
        split = getattr(images, on, None)
        if on not in ("train", "validation", "test") or split is None:
            raise UsageError(f"on={on!r} names no split: say 'validation' to choose, 'test' for the final figure.")
        source, network = measure.as_tflite(model), network or self._network
        result = measure.measure(
            source,
            name=name,
            technique=technique,
            network=network,
            dataset=images.name,
            split=split,
            split_name=on,
            threads=threads,
            reference=self._reference,
            latency=latency,
            seconds=profile.by_profile(0.6, 0.15),
        )
        if self._reference is None and latency:
            self._reference = measure.content_of(source, network)
        self._measured.append(result)
        line = tables.sentence(result)
        event = {"kind": "measurement", "lesson": self.lesson, **measure.as_dict(result)}
        record.emit(event, f"<p><small>{record.escape(line)}</small></p>", line)
        return result

    def table(
        self,
        items: Iterable[Measurement | Mapping[str, Any]] | None = None,
        columns: Sequence[str] | None = None,
        caption: str = "",
    ) -> None:
        """Show measurements (default: all of this page) or rows of the lesson's own as one table."""
        rows = tables.rows_of(self._measured if items is None else items, columns)
        event = {"kind": "table", "lesson": self.lesson, "rows": len(rows), "caption": caption}
        record.emit(event, tables.html(rows, caption), tables.text(rows))

    def claim(
        self,
        text: str,
        value: float,
        *,
        holds: str = "full",
        at: Mapping[str, Any] | None = None,
        **bound: Any,
    ) -> None:
        """Hold *value* to a bound (``at_least``, ``at_most``, ``between``, ``equals``); raises ClaimFailed if it fails.

        ``holds="full"``: asserted in the full and study profiles at the default parameters, else only shown; ``at``
        names parameters that the claim is made for (``at={"dataset": "mnist"}``). ``holds="always"``: asserted at any
        size and with any parameter. ``unit`` (``%`` for a share) and ``spread`` are shown with the value.
        """
        if holds not in ("full", "always"):
            raise UsageError(f"holds={holds!r} is not known: 'full' (at the defaults, full profile) or 'always'.")
        asserted = holds == "always" or (self.profile != "fast" and self._as_documented(at or {}))
        result = claims.judge(text, value, asserted=asserted, **bound)
        record.emit(result.event(self.lesson), result.html(), f"{result.status}: {result.sentence}")
        if result.status == "failed":
            raise ClaimFailed(f"{result.sentence}.")

    # Talking with the learner

    def predict(self, key: str, question: str, options: Sequence[str], guess: str | None = None) -> None:
        """Ask for a guess before the result is seen; it is kept on this machine, never graded, and never blocks."""
        if guess is not None and guess not in options:
            raise UsageError(f"The guess {guess!r} is none of the options: {' / '.join(options)} (or None).")
        record.remember("predictions.json", self.lesson, key, guess)
        choices = "".join(f"<li>{record.escape(option)}</li>" for option in options)
        said = f"your guess: <b>{record.escape(guess)}</b>" if guess else "no guess made"
        page = record.note("info", f"<b>{record.escape(question)}</b><ul>{choices}</ul>{said}")
        event = {"kind": "prediction", "lesson": self.lesson, "id": key, "question": question, "guess": guess}
        record.emit(event, page, f"{question} [{' / '.join(options)}] {guess or 'no guess made'}")

    def answer(self, key: str, actual: str) -> None:
        """Set the guess made under *key* beside what was measured."""
        guess = record.recall("predictions.json").get(self.lesson, {}).get(key)
        if guess is None:
            text = f"measured: {actual}; no guess was made"
        else:
            text = f"measured: {actual}; you guessed {guess}" + (": right" if guess == actual else "")
        event = {"kind": "answer", "lesson": self.lesson, "id": key, "guess": guess, "actual": actual}
        record.emit(event, record.note("info", record.escape(text)), text)

    def check(self, exercise: str, attempt: Any) -> Any:
        """Judge *attempt*; returns it if it is right, else the course's own, so that the page always goes on.

        In the solved edition a failing check raises CheckFailed.
        """
        task = framework.exercise(exercise)
        verdict = framework.judge(task, attempt)
        if verdict.passed:
            record.remember_check(self.lesson, exercise)
        elif self.edition == "solved":
            raise CheckFailed(f"Exercise {exercise}: {verdict.message}.")
        sign, kind = (
            ("✓", "success") if verdict.passed else ("…", "info") if not verdict.attempted else ("✗", "warning")
        )
        go_on = "" if verdict.passed else " The page goes on with the course's own solution."
        text = f"{sign} {exercise}: {verdict.message}."
        event = {"kind": "check", "lesson": self.lesson, "id": exercise, **vars(verdict)}
        record.emit(event, record.note(kind, record.escape(text + go_on)), text + go_on)
        return attempt if verdict.passed else task.reference

    def show(self, figure: Figure, alt: str) -> None:
        """Show *figure* with its alt text and close it; raises LabkitError when the alt text is missing."""
        page, size = plot.image(figure, alt)
        record.emit({"kind": "figure", "lesson": self.lesson, "alt": alt, "bytes": size}, page, f"[figure: {alt}]")

    def say(self, markdown: str) -> None:
        """Show prose whose numbers come from variables."""
        from IPython.display import Markdown, display

        display(Markdown(markdown))

    def finish(self, markdown: str) -> None:
        """What was seen, in prose with numbers from variables; verifies the baselines and closes the record."""
        self._verify_baselines()
        self.say(markdown)
        elapsed, budget = time.monotonic() - self.started, self.budget_s
        text = f"finished in {elapsed:.0f} s (profile {self.profile}" + (f", budget {budget} s)" if budget else ")")
        over = budget is not None and elapsed > budget
        event = {"kind": "finish", "lesson": self.lesson, "text": markdown, "elapsed_s": elapsed, "budget_s": budget}
        page = record.note("warning", f"{text}: over its budget") if over else f"<p><small>{text}</small></p>"
        record.emit(event, page, text)

    @property
    def budget_s(self) -> float | None:
        """Seconds that this page may take in the profile in force; None in study."""
        return self.facts.budget_s.get(self.profile)

    # Within

    def _as_documented(self, at: Mapping[str, Any]) -> bool:
        """Whether every parameter has its default, but for those in *at*, which must have the value given there."""
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
        event = {
            "kind": "start",
            "lesson": self.lesson,
            "title": self.facts.title,
            "profile": self.profile,
            "edition": self.edition,
            "seed": self.seed,
            "parameters": self.parameters,
            "at_defaults": not self._changed,
            "versions": versions,
            "cpu": cpu,
            "threads": startup.THREADS[0],
            "date": date.today().isoformat(),
            "budget_s": self.budget_s,
        }
        packages = " · ".join(f"{name} {version}" for name, version in versions.items())
        text = f"lesson {self.lesson} · profile {self.profile} · seed {self.seed} · {cpu} · {packages}"
        record.emit(event, f"<p><small>{record.escape(text)}</small></p>", text)
