"""Published figures that the course measures itself against, with their sources."""

from __future__ import annotations

from typing import NamedTuple


class Layer(NamedTuple):
    """A compressed layer: the share of its weights that is *kept*, and its *size* as a share of 32-bit weights."""

    kept: float
    size: float


class Point(NamedTuple):
    """A compressed network: how many times smaller its file is than 32-bit weights, and its test error as a share."""

    who: str
    source: str
    ratio: float
    error: float


# Han, Mao and Dally 2016, arXiv:1510.00149, tables 2 and 3, by our names of their layers.
LAYERS: dict[str, dict[str, Layer]] = {
    "lenet_300_100": {
        "dense_1/kernel": Layer(0.08, 0.0232),
        "dense_2/kernel": Layer(0.09, 0.0304),
        "logits/kernel": Layer(0.26, 0.1270),
    },
    "lenet5": {
        "conv_1/kernel": Layer(0.66, 0.6745),
        "conv_2/kernel": Layer(0.12, 0.0528),
        "dense_1/kernel": Layer(0.08, 0.0245),
        "logits/kernel": Layer(0.19, 0.0613),
    },
}
# On MNIST, as the papers state them; what a ratio counts (headers, biases) differs from paper to paper.
LADDER: dict[str, tuple[Point, ...]] = {
    "lenet_300_100": (
        Point("Han 2016", "arXiv:1510.00149", 40, 0.0158),
        Point("Ullrich 2017", "arXiv:1702.04008", 64, 0.0194),
        Point("Oktay 2020", "arXiv:1906.06624", 124, 0.019),
    ),
    "lenet5": (
        Point("Han 2016", "arXiv:1510.00149", 39, 0.0074),
        Point("Ullrich 2017", "arXiv:1702.04008", 162, 0.0097),
        Point("Oktay 2020", "arXiv:1906.06624", 606, 0.010),
        Point("Havasi 2019", "arXiv:1810.00440", 1110, 0.0096),
    ),
}
# What the course asks of itself on MNIST: times smaller without a teacher at no loss; times smaller with one, and its
# error at most.
ASKED: dict[str, tuple[float, float, float]] = {"lenet_300_100": (40, 240, 0.0165), "lenet5": (39, 250, 0.0097)}
