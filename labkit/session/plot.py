"""Figures: one style, one colour per technique, and alt text on every figure."""

from __future__ import annotations

import base64
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from labkit.base.errors import LabkitError, one_of
from labkit.session.display import escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# One technique has one colour in every figure. The hues are those of Okabe and Ito's palette for colour-blind readers,
# darkened to a contrast of 5 or more on white, so that a label in a line's colour is readable.
COLOURS = {
    "baseline": "#444444",
    "pruning": "#B84300",
    "quantization": "#0067A8",
    "merging": "#007358",
    "clustering": "#A6467F",
    "distillation": "#8A6100",
    "low rank": "#6B4FBB",
}
NEUTRAL = {"guide": "#6B6B6B", "fill": "#BBBBBB"}  # for helper lines and their labels, and for bars and areas
_CYCLE = [COLOURS[name] for name in ("quantization", "pruning", "merging", "clustering", "distillation", "low rank")]
LIMIT = 80 * 1024  # bytes of a figure in a stored notebook, at most
_STYLE: dict[Any, Any] = {
    "figure.figsize": (7.0, 3.6),
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.axisbelow": True,
    "font.size": 10.5,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "lines.linewidth": 2.0,
    "svg.hashsalt": "labkit",
}


def style() -> None:
    """Set the course's figure style, from Matplotlib's own defaults; figures are then shown by ``lab.show`` alone."""
    import matplotlib
    from cycler import cycler

    matplotlib.rcdefaults()  # the user's matplotlibrc may ask for LaTeX, or for sizes that a page does not allow
    matplotlib.rcParams.update(_STYLE | {"axes.prop_cycle": cycler(color=[*_CYCLE, COLOURS["baseline"]])})
    with suppress(ImportError):  # a window toolkit that is running already is left as it is
        matplotlib.use("agg")  # the inline backend would show each figure a second time, without its alt text


def colour(technique: str) -> str:
    """Return the colour of *technique*, or of ``guide`` (helper lines and labels) and ``fill`` (bars and areas).

    Raises UsageError with the nearest known name.
    """
    return (COLOURS | NEUTRAL)[one_of("technique", technique, COLOURS | NEUTRAL)]


def label_line(axes: Axes, x: float, y: float, text: str, technique: str, **offset: Any) -> None:
    """Write *text* beside a line's end in the line's own colour, in place of a legend."""
    place = {"dx": 6, "dy": 0, **offset}
    axes.annotate(
        text, (x, y), (place["dx"], place["dy"]), textcoords="offset points", color=colour(technique), va="center"
    )


def image(figure: Figure, alt: str) -> tuple[str, int]:
    """Return *figure* as an ``<img>`` of at most 80 KB with *alt*, and its size in bytes; closes the figure.

    Raises LabkitError when *alt* is missing or too short to say what is seen, or no resolution fits the limit.
    """
    if len(alt.split()) < 5:
        raise LabkitError(
            "lab.show needs alt text for those who cannot see the figure: say in a sentence (five words or more) "
            "what it shows, for example alt='Accuracy stays flat until 80 % of the weights are gone, then falls.'"
        )
    import matplotlib.pyplot as plt

    width = round(figure.get_figwidth() * 96)
    for dpi in (150, 120, 96, 72):
        buffer = BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
        if buffer.tell() <= LIMIT:
            break
    else:
        raise LabkitError(
            f"The figure takes {buffer.tell() / 1024:.0f} KB at its smallest, and a page allows 80 KB: "
            "draw fewer points or a smaller figure."
        )
    plt.close(figure)
    code = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{escape(alt)}" width="{width}" src="data:image/png;base64,{code}">', buffer.tell()
