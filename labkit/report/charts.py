"""What the report draws: which measurements, in which charts, and the keys to colours and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from labkit.report.data import Page
from labkit.report.pareto import SHAPES, Point, mark, panel, technique_class
from labkit.session.events import Measurement


@dataclass(frozen=True)
class Shape:
    """The mark of one network in a chart of several."""

    network: str
    mark: Markup


@dataclass(frozen=True)
class Chart:
    """A chart as SVG, with the key to its shapes where it shows several networks."""

    title: str
    picture: Markup
    shapes: list[Shape]


@dataclass(frozen=True)
class Technique:
    """A technique in the key to colours."""

    name: str
    css_class: str


def points_by_dataset(pages: Iterable[Page]) -> dict[str, list[Point]]:
    """Return the points to draw, by data set in alphabetical order.

    A run whose figures are all rough is drawn from those of the stored full run (`from_stored` says so). Only
    measurements on test images are drawn. Every lesson measures its baseline again: the same technique on the
    same network with the same bytes and accuracy is one point, the first.
    """
    points: dict[str, dict[tuple[str, str, int, float], Point]] = {}
    pages = list(pages)
    stored = from_stored(pages)
    for page in pages:
        for measurement in page.of_stored(Measurement) if stored else page.of(Measurement):
            if measurement.split != "test":
                continue
            identity = (
                measurement.technique,
                measurement.network,
                measurement.compressed_bytes,
                measurement.accuracy,
            )
            points.setdefault(measurement.dataset, {}).setdefault(identity, _point(measurement))
    return {dataset: list(points[dataset].values()) for dataset in sorted(points)}


def from_stored(pages: Sequence[Page]) -> bool:
    """Return whether the charts show the stored full run: this run's figures are all rough, and that one is there."""
    measured = [page for page in pages if page.of(Measurement)]
    return all(page.rough for page in pages) and any(page.of_stored(Measurement) for page in measured)


def charts(points: dict[str, list[Point]]) -> list[Chart]:
    """Return a chart per data set and network, and one before them with all networks where there are several."""
    drawn = []
    for dataset, of_dataset in points.items():
        networks = sorted({point.network for point in of_dataset})
        if len(networks) > 1:
            picture = panel(f"{dataset}: all networks", of_dataset, width=1140, height=420, mixed=True)
            drawn.append(Chart(f"{dataset}, all networks", Markup(picture), _shapes(networks)))
        for network in networks:
            of_network = [point for point in of_dataset if point.network == network]
            drawn.append(Chart(f"{dataset}, {network}", Markup(panel(f"{dataset}: {network}", of_network)), []))
    return drawn


def techniques(points: dict[str, list[Point]]) -> list[Technique]:
    """Return the key to the colours of *points*, the baseline first."""
    names = {point.technique for of_dataset in points.values() for point in of_dataset}
    ordered = sorted(names, key=lambda name: (name != "baseline", name))
    return [Technique(name, technique_class(name)) for name in ordered]


def _point(measurement: Measurement) -> Point:
    """Return the point of one measurement."""
    return Point(
        name=measurement.name,
        technique=measurement.technique,
        network=measurement.network,
        bytes=measurement.compressed_bytes,
        accuracy=measurement.accuracy,
        latency_ms=measurement.latency_ms,
    )


def _shapes(networks: Sequence[str]) -> list[Shape]:
    """Return the key to the shapes of a chart; `panel` gives shapes to networks in the same, alphabetical order."""
    return [
        Shape(network, Markup(mark("mark", 7, 7, 5, SHAPES[index % len(SHAPES)])))
        for index, network in enumerate(networks)
    ]
