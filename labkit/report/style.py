"""The style sheets, the report's with a colour per technique, and the policy that lets a browser load nothing else."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from labkit.report.pareto import technique_class
from labkit.session.plot import COLOURS

_FOLDER = Path(__file__).parent


def page_sheet() -> str:
    """Return the style sheet of a notebook's page."""
    return _read("base.css") + _read("page.css")


def sheet() -> str:
    """Return the report's style sheet.

    Each technique has ``--c`` for marks and ``--t`` for text, which needs more contrast.
    """
    light = "".join(
        f".{technique_class(name)}{{--c:{colour};--t:{_mix(colour, '#000000', 0.42)}}}"
        for name, colour in COLOURS.items()
    )
    dark = "".join(
        f".{technique_class(name)}{{--c:{_mix(colour, '#ffffff', 0.62 if name == 'baseline' else 0.12)};"
        f"--t:{_mix(colour, '#ffffff', 0.62 if name == 'baseline' else 0.45)}}}"
        for name, colour in COLOURS.items()
    )
    return f"{_read('base.css')}{_read('index.css')}{light}\n@media screen and (prefers-color-scheme:dark){{{dark}}}"


def _read(name: str) -> str:
    """Return a style sheet of this package."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def policy(style: str) -> str:
    """Return the content-security policy of a page whose only style element contains *style*: no script, no network."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _mix(colour: str, other: str, share: float) -> str:
    """Return *colour* with *share* of *other* in it; all three are ``#rrggbb``."""
    pairs = zip((colour[1:3], colour[3:5], colour[5:7]), (other[1:3], other[3:5], other[5:7]), strict=True)
    return "#" + "".join(f"{round(int(a, 16) * (1 - share) + int(b, 16) * share):02x}" for a, b in pairs)
