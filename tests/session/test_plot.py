"""Figures: alt text or none at all, a size that a repository can hold, one colour a technique."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from contrast import contrast

from labkit.base.errors import LabkitError, UsageError
from labkit.session import display, plot

ALT = "Accuracy stays flat, then falls."


@pytest.fixture
def plt():
    import matplotlib

    with matplotlib.rc_context():
        plot.style()
        import matplotlib.pyplot as plt

        yield plt
        plt.close("all")


@pytest.mark.parametrize("alt", ["", "a plot", "accuracy against sparsity here"])
def test_alt_text_is_asked_for(plt, alt: str) -> None:
    figure, _ = plt.subplots()
    with pytest.raises(LabkitError, match="alt text"):
        plot.image(figure, alt)


def test_an_image_with_alt_text_of_the_size_it_says(plt) -> None:
    figure, axes = plt.subplots()
    axes.plot([0, 1])
    page, size = plot.image(figure, ALT + ' "<b>"')
    assert 'alt="Accuracy stays flat, then falls. &quot;&lt;b&gt;&quot;"' in page
    content = base64.b64decode(re.search(r"base64,([^\"]+)", page)[1])  # type: ignore[index]
    assert content.startswith(b"\x89PNG") and len(content) == size <= plot.LIMIT
    assert not plt.get_fignums()  # closed, so that nothing shows it twice


def noisy(plt, inches: float):
    figure, axes = plt.subplots(figsize=(inches, inches))
    axes.imshow(np.random.default_rng(0).random((400, 400, 3)), interpolation="nearest")
    return figure


def test_a_rich_figure_is_drawn_coarser(plt) -> None:
    _, size = plot.image(noisy(plt, 2.2), ALT)
    assert size <= plot.LIMIT


def test_a_figure_too_large_is_refused(plt) -> None:
    with pytest.raises(LabkitError, match=r"a page allows 80 KB: draw fewer points"):
        plot.image(noisy(plt, 8), ALT)


def test_colours() -> None:
    assert len(set(plot.COLOURS.values())) == len(plot.COLOURS)
    assert plot.colour("pruning") == plot.COLOURS["pruning"]
    with pytest.raises(UsageError, match="did you mean pruning"):
        plot.colour("prunning")


def test_every_colour_of_a_text_is_readable_on_white() -> None:
    for colour in (*plot.COLOURS.values(), plot.NEUTRAL["guide"]):
        assert contrast(colour, "#FFFFFF") >= 4.5


def test_the_edge_of_a_callout_is_seen_in_both_themes() -> None:
    for edge in display.EDGES.values():
        assert contrast(edge, "#FFFFFF") >= 3 and contrast(edge, "#111111") >= 3


def test_a_label_has_its_lines_colour(plt) -> None:
    _, axes = plt.subplots()
    plot.label_line(axes, 1, 2, "pruned", "pruning")
    assert (axes.texts[0].get_text(), axes.texts[0].get_color()) == ("pruned", plot.COLOURS["pruning"])
