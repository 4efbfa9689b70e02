"""Show an event on a page: HTML for the reader, plain text beside it, the event itself in the same output."""

from __future__ import annotations

import html
from typing import Any

from labkit.session.events import MIME, Event

# Colours of a callout's edge. Each has a contrast of 3 or more on white and on JupyterLab's dark background (#111111).
EDGES = {"success": "#2E7D32", "info": "#1976D2", "warning": "#B86E00", "danger": "#D32F2F"}


def emit(event: Event, page: str, text: str) -> None:
    """Show *page* (HTML) with *text* as its plain form, and carry *event* in the same output for the report."""
    _show(page, text, {MIME: event.to_dict()})


def warn(text: str) -> None:
    """Show *text* as a warning, without an event."""
    _show(note("warning", escape(text)), text, {})


def _show(page: str, text: str, record: dict[str, Any]) -> None:
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    if get_ipython() is None:  # a script has no output cells: print the text
        print(text)
        return
    display({"text/html": page, "text/plain": text, **record}, raw=True)


def note(kind: str, body: str) -> str:
    """Return a callout that is readable in a light and in a dark theme; *body* is HTML.

    *kind* is success, info, warning or danger. The text keeps the theme's colours, and a coloured edge shows the kind:
    the themes' own callouts have a contrast of 2.1 to 3.5, and WCAG AA requires 4.5.
    """
    edge = f"border-left: 4px solid {EDGES[kind]}; padding: 2px 0 2px 12px; margin: 4px 0"
    return f'<div class="labkit-note labkit-{kind}" style="{edge}">{body}</div>'


def line(body: str) -> str:
    """Return one line of a list of short results; lines in a row stand below each other without a gap."""
    return f'<div class="labkit-line" style="margin: 0; padding: 0 0 0 16px; text-indent: -16px">{body}</div>'


def escape(text: object) -> str:
    """Return *text* with the characters escaped that mean something in HTML."""
    return html.escape(str(text))
