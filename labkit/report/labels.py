"""Place the labels of a chart: each beside its point, where it covers neither a point nor another label."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

HEIGHT = 13.0  # of a label, in pixels
_NARROW = frozenset("iljtfr.,:;|()[]!' 1·")
_WIDE = frozenset("mwMW%@")


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y growing downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float, radius: float) -> Box:
        """Return the square around a point."""
        return cls(x - radius, y - radius, x + radius, y + radius)

    def overlaps(self, other: Box) -> bool:
        """Return whether the two share any area."""
        apart_across = self.right <= other.left or other.right <= self.left
        apart_upwards = self.bottom <= other.top or other.bottom <= self.top
        return not (apart_across or apart_upwards)

    def contains(self, other: Box) -> bool:
        """Return whether *other* lies inside this box."""
        across = other.left >= self.left and other.right <= self.right
        return across and other.top >= self.top and other.bottom <= self.bottom


class Placer:
    """Places labels between *left*, *top*, *right* and *bottom*, each where those before it leave space."""

    def __init__(self, left: float, top: float, right: float, bottom: float) -> None:
        self.bounds = Box(left, top, right, bottom)
        self.taken: list[Box] = []

    def avoid(self, box: Box) -> None:
        """Keep *box* free of labels."""
        self.taken.append(box)

    def place(self, x: float, y: float, radius: float, text: str) -> Box | None:
        """Return the nearest free box for *text* beside the point (x, y) and occupy it; None when there is none."""
        for box in _candidates(x, y, radius, text_width(text)):
            if self.bounds.contains(box) and not any(box.overlaps(other) for other in self.taken):
                self.taken.append(box)
                return box
        return None


def text_width(text: str) -> float:
    """Return about how many pixels wide *text* is at a font size of 11, in the wider of the usual fonts."""
    return sum(4.1 if letter in _NARROW else 10.0 if letter in _WIDE else 6.7 for letter in text)


def _candidates(x: float, y: float, radius: float, width: float) -> Iterator[Box]:
    """Yield boxes to the right, left, above and below at a small distance, then in all directions at growing ones."""
    half = HEIGHT / 2
    gap = radius + 4
    yield Box(x + gap, y - half, x + gap + width, y + half)
    yield Box(x - gap - width, y - half, x - gap, y + half)
    yield Box(x - width / 2, y - gap - HEIGHT, x + width / 2, y - gap)
    yield Box(x - width / 2, y + gap, x + width / 2, y + gap + HEIGHT)
    for distance in range(8, 110, 6):
        for step in range(16):
            angle = math.tau * step / 16
            anchor_x = x + (gap + distance) * math.cos(angle)
            anchor_y = y + (gap + distance) * math.sin(angle)
            if math.cos(angle) > 0.2:
                left = anchor_x
            elif math.cos(angle) < -0.2:
                left = anchor_x - width
            else:
                left = anchor_x - width / 2
            yield Box(left, anchor_y - half, left + width, anchor_y + half)
