"""Turn the Markdown of a notebook into HTML, its formulas into MathML, its code into coloured code."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

LONGEST_LINE = 88  # letters of a code line that fit the page's column
_HIGHLIGHT: Any = Highlight2HTML()
_PRE = re.compile(r"<pre>(?:<span></span>)?(.*)</pre>", re.S)
_TAG = re.compile("<[^>]+>")


class Renderer(IPythonRenderer):
    """Renders one page: it knows whether its one heading of the first level is there, and which names are taken."""

    def __init__(self) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self.has_title = False
        self.names: set[str] = set()

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """Return a heading with a name that is its own; a second one of the first level is of the second."""
        level = max(level, 2) if self.has_title else level
        self.has_title = self.has_title or level == 1
        base = re.sub(r"\W+", "-", _TAG.sub("", text).lower()).strip("-") or "section"
        name, number = base, 2
        while name in self.names:
            name, number = f"{base}-{number}", number + 1
        self.names.add(name)
        return f'<h{level} id="{escape(name)}">{text}</h{level}>\n'

    def block_code(self, code: str, info: str | None = None) -> str:
        """Return a code block; Python is coloured."""
        return code_block(code, python=(info or "").startswith("python"))

    def block_math(self, body: str) -> str:
        """Return a formula on a line of its own."""
        return formula(body, display="block")

    def inline_math(self, body: str) -> str:
        """Return a formula within a line."""
        return formula(body, display="inline")

    def latex_environment(self, name: str, body: str) -> str:
        """Return a LaTeX environment, such as ``align``, as a formula on a line of its own."""
        return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", display="block")


def parser(renderer: Renderer) -> MarkdownWithMath:
    """Return the Markdown parser of one page."""
    return MarkdownWithMath(renderer=renderer)


def formula(tex: str, *, display: str) -> str:
    """Return *tex* as MathML, *display* is block or inline; the source in ``<code>`` where it cannot be read."""
    from latex2mathml.converter import convert

    try:
        return str(convert(tex.strip(), display=display))
    except Exception:  # the library raises many kinds for what it does not know
        return f'<code class="tex">{escape(tex.strip())}</code>'


def code_block(source: str, *, python: bool = True, kind: str = "code") -> str:
    """Return *source* as a block of the CSS class *kind*; one with long lines scrolls and can have the focus."""
    source = source.strip("\n")
    body = _coloured(source) if python else escape(source, quote=False)
    wide = any(len(line) > LONGEST_LINE for line in source.splitlines())
    return f'<pre class="{kind} wide" tabindex="0">{body}</pre>' if wide else f'<pre class="{kind}">{body}</pre>'


def _coloured(source: str) -> str:
    """Return Python code with a ``<span>`` of a class per kind of word."""
    found = _PRE.search(_HIGHLIGHT(source, language="python"))
    return found[1].rstrip("\n") if found else escape(source, quote=False)
