"""Show an event on a page: HTML for the reader, plain text beside it, the event itself in the same output."""

from __future__ import annotations

import html
from typing import Any

from labkit.session.events import MIME, Event


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
    """Return a callout as plain Jupyter shows it; *kind* is success, info, warning or danger, *body* is HTML."""
    return f'<div class="alert alert-{kind}">{body}</div>'


def escape(text: object) -> str:
    """Return *text* with the characters escaped that mean something in HTML."""
    return html.escape(str(text))
