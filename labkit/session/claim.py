"""Claims: a sentence, the measured value and the bound that the value must satisfy."""

from __future__ import annotations

import math
import re

from labkit.base.errors import UsageError
from labkit.session.display import escape, line, note
from labkit.session.events import Claim

ID = re.compile(r"(\d\d)\.[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*$")


def judge(
    lesson: str,
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
    asserted: bool = True,
    when: str = "",
) -> Claim:
    """Return the claim *id* of *lesson*: *value*, named by *label*, compared with exactly one kind of bound.

    *when* says under which conditions the claim is asserted. NaN satisfies no bound. Raises UsageError when there is
    no bound or more than one kind, or when *id* is not the lesson's number, a dot and small letters, digits and single
    hyphens.
    """
    check_id(lesson, id)
    bounds = {"at_least": at_least, "at_most": at_most, "between": between, "equals": equals}
    kinds = [name for name, bound in bounds.items() if bound is not None]
    if len(kinds) != 1:
        raise UsageError(f"The claim {id!r} needs one of {', '.join(bounds)}, and has {', '.join(kinds) or 'none'}.")
    value = float(value)
    if at_least is not None:
        held, relation = value >= at_least, f"≥ {quantity(at_least, unit)}"
    elif at_most is not None:
        held, relation = value <= at_most, f"≤ {quantity(at_most, unit)}"
    elif between is not None:
        low, high = between
        held, relation = low <= value <= high, f"{quantity(low, unit)} to {quantity(high, unit)}"
    else:
        assert equals is not None
        held, relation = value == equals, f"= {quantity(equals, unit)}"
    return Claim(
        lesson=lesson,
        id=id,
        text=text,
        value=value if math.isfinite(value) else None,
        bound=kinds[0],
        relation=relation,
        unit=unit,
        spread=None if spread is None else float(spread),
        held=bool(held),
        asserted=asserted,
        label=label,
        when=when,
    )


def check_id(lesson: str, id: str) -> None:
    """Raise UsageError unless *id* is ``NN.word`` with the number of *lesson*."""
    match = ID.match(id) if isinstance(id, str) else None
    if match is None or match[1] != lesson:
        raise UsageError(
            f"The claim id {id!r} is not '{lesson}.' and then small letters and digits, joined by single hyphens: "
            f"write for example '{lesson}.accuracy-lost'."
        )


def measured(claim: Claim) -> str:
    """Return the claim's value in words, with its label and its spread where it has them."""
    value = "no finite number" if claim.value is None else quantity(claim.value, claim.unit)
    spread = "" if claim.spread is None else f" ± {quantity(claim.spread, claim.unit)}"
    return f"{claim.label} {value}{spread}".lstrip()


def sentence(claim: Claim) -> str:
    """Return the claim with its value, and with its bound where that says more than the value does."""
    if claim.held and claim.bound == "equals":
        return f"{claim.text} ({measured(claim)})"
    return f"{claim.text} ({measured(claim)}; required {claim.relation})"


def html(claim: Claim) -> str:
    """Return the claim as the page shows it: one quiet line, or a box for one that failed."""
    text = escape(sentence(claim))
    if claim.status == "failed":
        return note("danger", f"<b>✗ This claim failed.</b> {text}.")
    if claim.status == "held":
        return line(f"✓ {text}.")
    return line(f"· {text}. <em>{escape(condition(claim))}</em>")


def condition(claim: Claim) -> str:
    """Return, for a claim that is only shown, when it is asserted."""
    return f"Required {claim.when}." if claim.when else ""


def quantity(value: float, unit: str = "") -> str:
    """Return *value* in words: a fraction as a percentage for the unit ``%``, whole numbers in full, else 4 digits."""
    if unit == "%":
        return f"{100 * value:.2f} %"
    if unit == "points":
        return f"{100 * value:.2f} points"
    text = f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"
    return f"{text}{'' if unit in ('', '×') else ' '}{unit}"
