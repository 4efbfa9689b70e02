"""Claims: a sentence, the measured value and the bound that it must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.base.errors import UsageError
from labkit.session.record import escape, note


@dataclass(frozen=True)
class Claim:
    """One claim with its outcome; ``value`` and the bounds are in plain units (a share, not a percentage)."""

    text: str
    value: float
    relation: str
    unit: str
    spread: float | None
    held: bool
    asserted: bool

    @property
    def status(self) -> str:
        """``held`` or ``failed`` where the claim was asserted; ``shown`` where it was only shown."""
        if not self.asserted:
            return "shown"
        return "held" if self.held else "failed"

    @property
    def sentence(self) -> str:
        """The claim with its figures in words."""
        spread = "" if self.spread is None else f" ± {quantity(self.spread, self.unit)}"
        return f"{self.text}: {quantity(self.value, self.unit)}{spread}, asked {self.relation}"

    def event(self, lesson: str) -> dict[str, Any]:
        """The claim as a record."""
        return {
            "kind": "claim",
            "lesson": lesson,
            "text": self.text,
            "value": self.value,
            "relation": self.relation,
            "unit": self.unit,
            "spread": self.spread,
            "asserted": self.asserted,
            "held": self.held,
            "status": self.status,
        }

    def html(self) -> str:
        """The claim as the page shows it."""
        sign, kind = {"held": ("✓", "success"), "failed": ("✗", "danger"), "shown": ("·", "info")}[self.status]
        tail = "" if self.asserted else " <em>(shown, not asserted, in this profile or with these parameters)</em>"
        return note(kind, f"{sign} {escape(self.sentence)}{tail}")


def judge(
    text: str,
    value: float,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    between: tuple[float, float] | None = None,
    equals: float | None = None,
    unit: str = "",
    spread: float | None = None,
    asserted: bool = True,
) -> Claim:
    """Hold *value* to exactly one kind of bound (``at_least`` and ``at_most`` may stand together as ``between``).

    NaN keeps no bound. Raises UsageError when there is no bound, or more than one kind.
    """
    bounds: Mapping[str, Any] = {"at_least": at_least, "at_most": at_most, "between": between, "equals": equals}
    given = [name for name, bound in bounds.items() if bound is not None]
    if len(given) != 1:
        raise UsageError(f"The claim {text!r} needs one of {', '.join(bounds)}, and has {', '.join(given) or 'none'}.")
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
    return Claim(text, value, relation, unit, spread, bool(held), asserted)


def quantity(value: float, unit: str = "") -> str:
    """*value* in words: a share as a percentage for the unit ``%``, whole numbers in full, else 4 digits."""
    if unit == "%":
        return f"{100 * value:.2f} %"
    if unit == "points":
        return f"{100 * value:.2f} points"
    text = f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"
    return f"{text}{'' if unit in ('', '×') else ' '}{unit}"
