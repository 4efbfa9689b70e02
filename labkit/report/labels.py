"""Labels in a picture: each beside its point, where it covers neither a point nor another label."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

HEIGHT = 13.0
_NARROW, _WIDE = set("iljtfr.,:;|()[]!' 1·"), set("mwMW%@")


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y growing downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float, radius: float) -> Box:
        """The square round a point."""
        return cls(x - radius, y - radius, x + radius, y + radius)

    def meets(self, other: Box) -> bool:
        """Whether the two share any area."""
        return not (
            self.right <= other.left or other.right <= self.left or self.bottom <= other.top or other.bottom <= self.top
        )


class Placer:
    """Finds room for labels between *left*, *top*, *right* and *bottom*, first come, first served."""

    def __init__(self, left: float, top: float, right: float, bottom: float) -> None:
        self.bounds = Box(left, top, right, bottom)
        self.taken: list[Box] = []

    def avoid(self, box: Box) -> None:
        """Keep *box* free of labels."""
        self.taken.append(box)

    def place(self, x: float, y: float, radius: float, text: str) -> Box | None:
        """The nearest free place for *text* by the point (x, y), taken from now on; None when there is none."""
        for box in _candidates(x, y, radius, text_width(text)):
            inside = (
                box.left >= self.bounds.left
                and box.right <= self.bounds.right
                and box.top >= self.bounds.top
                and box.bottom <= self.bounds.bottom
            )
            if inside and not any(box.meets(other) for other in self.taken):
                self.taken.append(box)
                return box
        return None


def text_width(text: str) -> float:
    """About how many pixels *text* takes at 11 pixels, in the wider of the usual fonts."""
    return sum(4.1 if sign in _NARROW else 10.0 if sign in _WIDE else 6.7 for sign in text)


def _candidates(x: float, y: float, radius: float, width: float) -> Iterator[Box]:
    """Right, left, above and below at a small distance, then all round at growing ones."""
    half, gap = HEIGHT / 2, radius + 4
    yield Box(x + gap, y - half, x + gap + width, y + half)
    yield Box(x - gap - width, y - half, x - gap, y + half)
    yield Box(x - width / 2, y - gap - HEIGHT, x + width / 2, y - gap)
    yield Box(x - width / 2, y + gap, x + width / 2, y + gap + HEIGHT)
    for far in range(8, 110, 6):
        for step in range(16):
            angle = math.tau * step / 16
            cx, cy = x + (gap + far) * math.cos(angle), y + (gap + far) * math.sin(angle)
            left = cx if math.cos(angle) > 0.2 else cx - width if math.cos(angle) < -0.2 else cx - width / 2
            yield Box(left, cy - half, left + width, cy + half)
