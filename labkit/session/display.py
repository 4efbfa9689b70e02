"""Show an event on a page: HTML for the reader, plain text beside it, the event itself in the same output."""

from __future__ import annotations

import html

from labkit.session.events import MIME, Event


def emit(event: Event, page: str, text: str) -> None:
    """Show *page* (HTML) with *text* as its plain form, and carry *event* in the same output for the report."""
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    if get_ipython() is None:  # a script has no output cells: print the text
        print(text)
        return
    display({"text/html": page, "text/plain": text, MIME: event.to_dict()}, raw=True)


def note(kind: str, body: str) -> str:
    """Return a callout as plain Jupyter shows it; *kind* is success, info, warning or danger, *body* is HTML."""
    return f'<div class="alert alert-{kind}">{body}</div>'


def escape(text: object) -> str:
    """Return *text* with the characters escaped that mean something in HTML."""
    return html.escape(str(text))
