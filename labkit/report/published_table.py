"""Write the table of published figures and ours as Markdown: one row per figure, each with a verdict."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from labkit.assets.published import CONDITIONS, Figure
from labkit.report.measured import NOTHING, Aggregate, Conditions, Measured, Wording
from labkit.session.claim import quantity

_HEAD = """# Published figures, and ours

Each row compares one published figure with the values that our pages measured. `labkit reproduce` writes this file from
`data/published.toml` and `data/reproductions.json`; nothing in it is typed by hand.

- *Ours* is the mean ± the standard deviation over the seeds. Then follows the bound that our page requires.
- **reached**: every mean satisfies its bound.
- **beaten**: every mean satisfies its bound, our file is smaller than the published one, and our error is not larger.
- **✗ missed**: a mean does not satisfy its bound. That value is marked with ✗.
- **not run**: there is no value of ours.

Read the conditions before you compare two numbers: a teacher or another parameter set changes what a figure means.
"""
_COLUMNS = ("figure", "published", "ours", "verdict", "conditions", "strongest rival")
_MEASURED_HEAD = """
## How ours were measured

`labkit reproduce FIGURE` executes the page of one figure again, once per seed. The last column names the runs below.
"""
_MEASURED_COLUMNS = ("figure", "lesson", "values", "seeds", "data", "run")
_RUN_COLUMNS = ("run", "date", "processor", "profile", "versions")
_NUMBER = r"-?[\d,]+(?:\.\d+)?(?:e[+-]?\d+)?"
_BOUND = re.compile(rf"(?P<sign>[≥≤=]) (?P<one>{_NUMBER})|(?P<low>{_NUMBER})[^\d-]*? to (?P<high>{_NUMBER})")


@dataclass(frozen=True)
class Value:
    """Our value of one claim: ``number`` is the mean over the seeds, ``spread`` their standard deviation.

    ``number`` is NaN when the value of a seed is; ``spread`` is None for one seed. Fractions, not percentages.
    """

    claim: str
    wording: Wording
    number: float
    spread: float | None
    seeds: tuple[int, ...]
    conditions: tuple[Conditions, ...]

    @property
    def held(self) -> bool:
        """Return whether the mean satisfies the bound."""
        return within(self.number, self.wording.relation, self.wording.unit)

    @property
    def name(self) -> str:
        """Return the claim's id in words, without the lesson's number."""
        return self.claim.partition(".")[2].replace("-", " ")

    @property
    def words(self) -> str:
        """Return mean, spread and bound in words, with ✗ when the bound is missed."""
        number = mean_and_spread(self.number, self.spread, self.wording.unit)
        text = f"{self.name}: {number}, required {self.wording.relation or 'nothing'}"
        return text if self.held else f"**✗ {text}**"


def table(figures: Iterable[Figure], rows_by_id: Mapping[str, Measured]) -> str:
    """Return the page with the table of *figures*, how each was measured, and the pictures (in ``images/``)."""
    runs: list[Conditions] = []
    rows, measured_rows, pictures = [], [], []
    for figure in figures:
        known = rows_by_id.get(figure.id, NOTHING)
        values = list(values_of(figure, known))
        rows.append(_row(figure, values))
        if values:
            measured_rows.append(_measured_row(figure, values, runs))
        if figure.picture and known.alt:
            pictures.append(f"\n**{figure.id}**, the first of these seeds:\n\n![{known.alt}](images/{figure.id}.png)")
    run_rows = [
        (_letter(number), run.date, run.cpu, run.profile, ", ".join(f"{k} {v}" for k, v in run.versions.items()))
        for number, run in enumerate(runs)
    ]
    sections = [_HEAD, _markdown(_COLUMNS, rows)]
    if measured_rows:
        sections += [_MEASURED_HEAD, _markdown(_MEASURED_COLUMNS, measured_rows), "", _markdown(_RUN_COLUMNS, run_rows)]
    return "\n".join([*sections, *pictures]).rstrip("\n") + "\n"


def verdict(figure: Figure, values: Sequence[Value]) -> str:
    """Return *reached*, *beaten*, *missed* or *not run* for *figure*; a claim without a value makes it *not run*."""
    if not values or len(values) < len(figure.claims):
        return "not run"
    if not all(value.held for value in values):
        return "missed"
    ratios = [value.number for value in values if value.wording.unit == "×"]
    errors = [value.number for value in values if value.wording.unit == "%"]
    if figure.ratio is None or figure.error is None or not ratios or not errors:
        return "reached"
    return "beaten" if min(ratios) > figure.ratio and max(errors) <= figure.error else "reached"


def values_of(figure: Figure, known: Measured) -> Iterator[Value]:
    """Yield our value of each claim of *figure* that was run.

    An aggregate is shown until each of its seeds has an exact value.
    """
    for claim in figure.claims:
        wording = known.claims.get(claim, Wording(claim, "", ""))
        aggregate = known.aggregate(claim)
        if aggregate is not None:
            yield _of_aggregate(wording, aggregate)
            continue
        runs = [run for run in known.runs if claim in run.values]
        if runs:
            numbers = [math.nan if (value := run.values[claim]) is None else value for run in runs]
            spread = statistics.stdev(numbers) if len(numbers) > 1 and all(map(math.isfinite, numbers)) else None
            seeds, conditions = tuple(run.seed for run in runs), tuple(run.conditions for run in runs)
            yield Value(claim, wording, statistics.fmean(numbers), spread, seeds, conditions)


def within(value: float, relation: str, unit: str) -> bool:
    """Return whether *value* satisfies a bound in words, such as ``≥ 40×`` or ``3.7× to 4×``; NaN satisfies none.

    >>> within(7.863, "≥ 8×", "×"), within(0.0021, "≤ 0.50 points", "points"), within(3.83, "3.7× to 4×", "×")
    (False, True, True)
    """
    match = _BOUND.match(relation)
    if match is None:
        return False
    scale = 0.01 if unit in ("%", "points") else 1.0
    low, high = (
        float(text.replace(",", "")) * scale
        for text in ((match["one"], match["one"]) if match["sign"] else (match["low"], match["high"]))
    )
    if match["sign"] == "≥":
        return value >= low
    if match["sign"] == "≤":
        return value <= high + 1e-12
    if match["sign"] == "=":
        return quantity(value, unit) == quantity(low, unit)
    return low <= value <= high


def mean_and_spread(mean: float, spread: float | None, unit: str) -> str:
    """Return ``45.39 ± 0.37×``: both with the digits that `quantity` gives the mean; one seed has no spread.

    >>> mean_and_spread(0.0158, 0.0006, "%"), mean_and_spread(5.987, None, "dB")
    ('1.58 ± 0.06 %', '5.987 dB (one seed)')
    """
    if not math.isfinite(mean):
        return "not a number"
    if spread is None:
        return f"{quantity(mean, unit)} (one seed)"
    scale = 100 if unit in ("%", "points") else 1
    digits = 2 if scale == 100 or not mean else min(max(0, 3 - math.floor(math.log10(abs(mean)))), 6)
    gap = "" if unit in ("", "×") else " "
    return f"{scale * mean:,.{digits}f} ± {scale * spread:.{digits}f}{gap}{unit}"


def _of_aggregate(wording: Wording, aggregate: Aggregate) -> Value:
    """Return an aggregate as a value."""
    return Value(aggregate.claim, wording, aggregate.mean, aggregate.spread, aggregate.seeds, (aggregate.conditions,))


def _row(figure: Figure, values: Sequence[Value]) -> tuple[str, ...]:
    """Return the cells of one figure in the first table."""
    result = verdict(figure, values)
    ours = [value.words for value in values]
    if figure.error is not None and values and not any(value.wording.unit in ("%", "points") for value in values):
        ours.append("error: not compared")
    return (
        figure.id,
        f"{figure.published} ({figure.source})",
        "<br>".join(ours) or "–",
        {"missed": "**✗ missed**", "beaten": "**beaten**"}.get(result, result),
        "<br>".join(_conditions(figure.conditions)) or "–",
        _rival(figure.rival),
    )


def _conditions(words_by_name: Mapping[str, str]) -> Iterator[str]:
    """Yield the conditions in words; those with the same words are one."""
    names_by_words: dict[str, list[str]] = {}
    for name in CONDITIONS:
        if name in words_by_name:
            names_by_words.setdefault(words_by_name[name], []).append(name.replace("_", " "))
    for words, names in names_by_words.items():
        yield f"*{', '.join(names)}*: {words}"


def _rival(rival: Mapping[str, str]) -> str:
    """Return the strongest rival in words."""
    if "none" in rival:
        return f"none: {rival['none']}"
    return f"{rival['published']} ({rival['source']})" if rival else "–"


def _measured_row(figure: Figure, values: Sequence[Value], runs: list[Conditions]) -> tuple[str, ...]:
    """Return the cells of one figure in the second table; adds conditions that are new to *runs*."""
    mine = [conditions for value in values for conditions in value.conditions]
    runs.extend(conditions for index, conditions in enumerate(mine) if conditions not in [*runs, *mine[:index]])
    seeds = sorted({seed for value in values for seed in value.seeds})
    return (
        figure.id,
        figure.lesson,
        "<br>".join(f"*{value.name}*: {value.wording.text}" for value in values),
        ", ".join(map(str, seeds)),
        str(figure.parameters.get("dataset", "the page's own")),
        ", ".join(_letter(number) for number, run in enumerate(runs) if run in mine),
    )


def _letter(number: int) -> str:
    """Return the name of a run: A to Z, then A1 and so on."""
    return chr(ord("A") + number % 26) + (str(number // 26) if number > 25 else "")


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)
