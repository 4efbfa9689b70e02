"""Draw the Pareto chart as SVG: compressed bytes across, accuracy up, the marks' areas for latency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from labkit.report.labels import Box, Placer

MARGIN = {"left": 58, "right": 18, "top": 30, "bottom": 44}
SHAPES = ("circle", "square", "triangle", "diamond")
# Half a side, half a diagonal and the radius through the corners of shapes with the area of a circle of radius 1.
_SQUARE = math.sqrt(math.pi) / 2
_DIAMOND = math.sqrt(math.pi / 2)
_TRIANGLE = math.sqrt(4 * math.pi / math.sqrt(27))
_CORNERS = {
    "square": [(-_SQUARE, -_SQUARE), (_SQUARE, -_SQUARE), (_SQUARE, _SQUARE), (-_SQUARE, _SQUARE)],
    "triangle": [
        (0, -_TRIANGLE),
        (_TRIANGLE * math.sqrt(0.75), _TRIANGLE / 2),
        (-_TRIANGLE * math.sqrt(0.75), _TRIANGLE / 2),
    ],
    "diamond": [(0, -_DIAMOND), (_DIAMOND, 0), (0, _DIAMOND), (-_DIAMOND, 0)],
}
DEPTH = 0.08  # an axis shows at most so much accuracy below the best; lower points are drawn at its foot with a number
SMALLEST, LARGEST = 3.5, 13.0  # radii in pixels
UNTIMED = 5.0  # radius of the hollow mark of a model that was not timed


@dataclass(frozen=True)
class Point:
    """One measured model: compressed ``bytes``, ``accuracy`` as a fraction, ``latency_ms`` or None."""

    name: str
    technique: str
    network: str
    bytes: float
    accuracy: float
    latency_ms: float | None = None

    @property
    def words(self) -> str:
        """Return the point in words, for its tool tip and for those who cannot see it."""
        latency = "" if self.latency_ms is None else f", {self.latency_ms:.3g} ms"
        return (
            f"{self.network}, {self.name} ({self.technique}): {100 * self.accuracy:.2f} %, "
            f"{self.bytes / 1024:.1f} KiB compressed{latency}"
        )


def front(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other beats in size and accuracy together, from small to large."""
    best: list[Point] = []
    for point in sorted(points, key=lambda other: (other.bytes, -other.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def panel(title: str, points: Sequence[Point], *, width: int = 560, height: int = 380, mixed: bool = False) -> str:
    """Return one chart as ``<svg>``, its texts escaped.

    *width* and *height* are in pixels. With *mixed*, each of several networks has its shape, and only the front is
    labelled.
    """
    axes = _Axes(points, width, height)
    best = front(points)
    networks = sorted({point.network for point in points})
    slowest = max((point.latency_ms or 0.0 for point in points), default=0.0)
    stairs = [axes.at(point) for point in best if not axes.below(point)]
    placer = Placer(MARGIN["left"] + 3, MARGIN["top"] + 2, width - 4, height - MARGIN["bottom"] - 3)
    for box in _stairs_boxes(stairs, width - MARGIN["right"]):
        placer.avoid(box)
    marks = []
    for point in sorted(points, key=lambda other: -(other.latency_ms or 0)):  # the small ones on top
        x, y = axes.at(point)
        radius = mark_radius(point.latency_ms, slowest)
        placer.avoid(Box.around(x, y, radius + 1))
        shape = SHAPES[networks.index(point.network) % len(SHAPES)] if mixed else "circle"
        marks.append(_mark(point, x, y, radius, shape, lowered=axes.below(point)))
    labels = []
    left_out = 0
    for point in best if mixed else [*best, *(point for point in points if point not in best)]:
        text = "baseline" if point.technique == "baseline" else point.name
        text = f"{point.network} · {text.removeprefix(f'{point.network}, ')}" if mixed else text
        text += f" ({100 * point.accuracy:.1f} %)" if axes.below(point) else ""
        x, y = axes.at(point)
        place = placer.place(x, y, mark_radius(point.latency_ms, slowest), text)
        if place is None:
            left_out += 1
        else:
            labels.append(_label(point, text, x, y, place))
    notes = [f"largest mark: {slowest:.2g} ms"] if slowest else []
    notes += [f"{left_out} without a label for want of room"] if left_out else []
    name = escape(title)
    description = escape("; ".join(point.words for point in points))
    return (
        f'<svg class="pareto" viewBox="0 0 {width} {height}" role="img" aria-label="{name}: {description}">'
        f"<title>{name}</title><desc>{description}</desc>"
        f'<text class="title" x="{MARGIN["left"]}" y="17">{name}</text>'
        f'<text x="{width - MARGIN["right"]}" y="17" text-anchor="end">{" · ".join(notes)}</text>'
        f"{axes.svg()}{_stairs(stairs, width - MARGIN['right'])}{''.join(marks)}{''.join(labels)}</svg>"
    )


class _Axes:
    """Bytes on a logarithmic axis, accuracy on a linear one."""

    def __init__(self, points: Sequence[Point], width: int, height: int) -> None:
        self.width = width
        self.height = height
        low = min(point.bytes for point in points)
        high = max(point.bytes for point in points)
        span = max(math.log10(high / low), 0.3)
        middle = (math.log10(low) + math.log10(high)) / 2
        self.low, self.high = middle - span * 0.60, middle + span * 0.68  # room for a label at the right
        best = max(point.accuracy for point in points)
        self.floor = best - DEPTH
        shown = [point.accuracy for point in points if point.accuracy >= self.floor]
        any_below = len(shown) < len(points)
        height_shown = max(best - min(shown), 0.004)
        self.bottom = max(min(shown) - height_shown * (0.35 if any_below else 0.15), -0.01)
        self.top = min(best + height_shown * 0.18, 1.004)

    def below(self, point: Point) -> bool:
        """Return whether *point* lies too low to be drawn at its height."""
        return point.accuracy < self.floor

    def x(self, size: float) -> float:
        """Return the x coordinate in pixels of *size* bytes."""
        inner = self.width - MARGIN["left"] - MARGIN["right"]
        return MARGIN["left"] + inner * (math.log10(size) - self.low) / (self.high - self.low)

    def y(self, accuracy: float) -> float:
        """Return the y coordinate in pixels of an accuracy."""
        inner = self.height - MARGIN["top"] - MARGIN["bottom"]
        return self.height - MARGIN["bottom"] - inner * (accuracy - self.bottom) / (self.top - self.bottom)

    def at(self, point: Point) -> tuple[float, float]:
        """Return the coordinates of *point* in pixels."""
        return self.x(point.bytes), self.height - MARGIN["bottom"] - 10 if self.below(point) else self.y(point.accuracy)

    def svg(self) -> str:
        """Return lines, numbers and titles of both axes."""
        left, right = MARGIN["left"], self.width - MARGIN["right"]
        foot = self.height - MARGIN["bottom"]
        parts = []
        for value in _steps(self.bottom, self.top):
            y = self.y(value)
            digits = 1 if self.top - self.bottom < 0.04 else 0
            parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            words = f"{100 * value:.{digits}f} %"
            parts.append(f'<text class="tick" x="{left - 6}" y="{y + 3.5:.1f}" text-anchor="end">{words}</text>')
        for size in _sizes(10**self.low, 10**self.high):
            x = self.x(size)
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{MARGIN["top"]}" y2="{foot}"/>')
            parts.append(f'<text class="tick" x="{x:.1f}" y="{foot + 15}" text-anchor="middle">{_bytes(size)}</text>')
        parts.append(f'<line class="axis" x1="{left}" x2="{right}" y1="{foot}" y2="{foot}"/>')
        words = "compressed size (logarithmic) · accuracy upwards"
        parts.append(f'<text class="name" x="{left}" y="{self.height - 8}">{words}</text>')
        return "".join(parts)


def _steps(low: float, high: float) -> list[float]:
    """Return about five round values between *low* and *high*."""
    wanted = (high - low) / 5
    power = 10 ** math.floor(math.log10(wanted))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= wanted)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(min(high, 1.0) / step + 1e-9) + 1)]


def _sizes(low: float, high: float) -> list[float]:
    """Return powers of two between *low* and *high* bytes, at most seven."""
    powers = [2.0**power for power in range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)]
    return powers[:: math.ceil(len(powers) / 7)] if powers else []


def _bytes(size: float) -> str:
    """Return a size in words."""
    for unit, factor in (("MiB", 1024**2), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:g} {unit}"
    return f"{size:g} B"


def mark_radius(latency: float | None, slowest: float) -> float:
    """Return the radius in pixels of a mark whose area is proportional to *latency*, `LARGEST` for the *slowest*.

    Marks with a radius below `SMALLEST` could not be seen, and have that one.
    """
    if latency is None or slowest <= 0:
        return UNTIMED
    return max(SMALLEST, LARGEST * math.sqrt(latency / slowest))


def mark(kind: str, x: float, y: float, radius: float, shape: str = "circle", title: str = "") -> str:
    """Return a mark of CSS class *kind* with the area of a circle of *radius*, whatever its shape."""
    tip = f"<title>{escape(title)}</title>" if title else ""
    corners = _CORNERS.get(shape)
    if corners is None:
        return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.2f}">{tip}</circle>'
    places = " ".join(f"{x + dx * radius:.2f},{y + dy * radius:.2f}" for dx, dy in corners)
    return f'<polygon class="{kind}" points="{places}">{tip}</polygon>'


def _mark(point: Point, x: float, y: float, radius: float, shape: str, *, lowered: bool) -> str:
    """Return the mark of *point*, with a ring for a baseline and an arrow for one that lies below the picture."""
    kind = f"mark {technique_class(point.technique)}" + (" untimed" if point.latency_ms is None else "")
    ring = mark("ring", x, y, radius + 3) if point.technique == "baseline" else ""
    arrow = f'<path class="arrow" d="M{x:.1f} {y + 3:.1f}v5m-3 -3l3 3l3 -3"/>' if lowered else ""
    return f"{ring}{mark(kind, x, y, radius, shape, point.words)}{arrow}"


def _label(point: Point, text: str, x: float, y: float, place: Box) -> str:
    """Return the label of *point* at *place*, with a line from the point where the two lie far apart."""
    middle = (place.top + place.bottom) / 2
    near = max(place.left, min(x, place.right))
    far = math.hypot(near - x, max(place.top - y, y - place.bottom, 0))
    leader = f'<line class="leader" x1="{x:.1f}" y1="{y:.1f}" x2="{near:.1f}" y2="{middle:.1f}"/>' if far > 22 else ""
    return (
        f'{leader}<text class="label {technique_class(point.technique)}" x="{place.left:.1f}" y="{middle + 3.8:.1f}" '
        f">{escape(text)}</text>"
    )


def _stairs(places: Sequence[tuple[float, float]], right: float) -> str:
    """Return the line from each point of the front to the next; points below it and to its right are beaten."""
    if not places:
        return ""
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in places[1:])
    return f'<path class="front" d="{path}H{right}"/>'


def _stairs_boxes(places: Sequence[tuple[float, float]], right: float) -> list[Box]:
    """Return boxes over that line, which labels must not cover."""
    boxes = []
    for index, (x, y) in enumerate(places):
        following = places[index + 1] if index + 1 < len(places) else (right, y)
        boxes.append(Box(x, y - 1.5, following[0], y + 1.5))
        boxes.append(Box(following[0] - 1.5, following[1], following[0] + 1.5, y))
    return boxes


def technique_class(technique: str) -> str:
    """Return the CSS class of a technique."""
    return "t-" + "".join(character if character.isalnum() else "-" for character in technique.lower())
