"""Make HTML that a notebook brings along fit for a page of ours: known elements only, no styles, no scripts.

An executed page holds HTML that its cells wrote. What is not on the lists here is left out, elements that stay open are
closed, tables get a region that scrolls, and links lead to places that exist.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from html.parser import HTMLParser

_VOID = frozenset({"br", "hr", "img"})
_SILENT = frozenset({"script", "style", "template", "iframe", "object", "svg", "textarea", "title", "noscript"})
_TEXT_NAMES = """
a b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img kbd
li mark ol p pre q s samp section small span strong sub summary sup table tbody td tfoot th thead tr u ul var
"""
_MATH_NAMES = """
math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd mlabeledtr
mpadded mphantom menclose mstyle mmultiscripts mprescripts none semantics
"""
_MATH_ATTRIBUTE_NAMES = """
display mathvariant stretchy fence separator form accent accentunder columnalign rowspacing columnspacing linethickness
width height depth lspace rspace minsize maxsize movablelimits notation xmlns mathsize scriptlevel displaystyle
"""
_TEXT = frozenset(_TEXT_NAMES.split())
_MATH = frozenset(_MATH_NAMES.split())
_ATTRIBUTES = frozenset(
    {"alt", "class", "colspan", "height", "id", "open", "rowspan", "scope", "start", "tabindex", "title", "width"}
)
_MATH_ATTRIBUTES = frozenset(_MATH_ATTRIBUTE_NAMES.split())
Resolve = Callable[[str], str]


class Regions:
    """Numbers the scrolling regions of one page, because each needs a name of its own."""

    def __init__(self) -> None:
        self.tables = 0

    def next_table(self) -> str:
        """Return the name of the next table: ``Table 3``."""
        self.tables += 1
        return f"Table {self.tables}"


def cleaned(html: str, regions: Regions, resolve: Resolve) -> str:
    """Return *html* with known elements and attributes alone; *resolve* maps a link's target, empty to drop it."""
    cleaner = _Cleaner(regions, resolve)
    cleaner.feed(html)
    return cleaner.finished()


class _Cleaner(HTMLParser):
    """Copies what is allowed; ``open`` holds the elements that wait for their end."""

    def __init__(self, regions: Regions, resolve: Resolve) -> None:
        super().__init__(convert_charrefs=True)
        self.regions = regions
        self.resolve = resolve
        self.parts: list[str] = []
        self.open: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Copy an element's start, or begin to leave its content out."""
        if tag in _SILENT:
            self.silent += 1
        if self.silent or tag not in _TEXT | _MATH:
            return
        kept = self._attributes(tag, attrs)
        if tag == "table":
            self.parts.append(
                f'<div class="scroll" role="region" tabindex="0" aria-label="{self.regions.next_table()}">'
            )
        if tag == "a" and not any(name == "href" for name, _ in kept):
            tag, kept = "span", []
        if tag == "img" and not any(name == "src" for name, _ in kept):
            return
        if tag == "img" and not any(name == "alt" for name, _ in kept):
            kept.append(("alt", "A figure without a description"))
        words = "".join(f' {name}="{escape(value)}"' for name, value in kept)
        self.parts.append(f"<{tag}{words}>")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Copy an element without content, such as ``<mspace/>``."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Copy an element's end, with those inside it that are open still; ignore one that was never begun."""
        if tag in _SILENT:
            self.silent = max(self.silent - 1, 0)
            return
        if self.silent:
            return
        if tag == "a" and "a" not in self.open:
            tag = "span"  # the start of a link that leads nowhere
        if tag in self.open:
            while self._close() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Copy text."""
        if not self.silent:
            self.parts.append(escape(data, quote=False))

    def finished(self) -> str:
        """Return what was copied, every element closed."""
        self.close()
        while self.open:
            self._close()
        return "".join(self.parts)

    def _close(self) -> str:
        """Close the innermost element and return its name. An empty header cell becomes an ordinary cell."""
        tag = self.open.pop()
        if tag == "th" and self.parts[-1].startswith("<th"):
            self.parts[-1] = "<td>"
            self.parts.append("</td>")
            return tag
        self.parts.append(f"</{tag}>")
        if tag == "table":
            self.parts.append("</div>")
        return tag

    def _attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> list[tuple[str, str]]:
        """Return the attributes that *tag* keeps."""
        known = _MATH_ATTRIBUTES if tag in _MATH else _ATTRIBUTES
        kept = [(name, value or "") for name, value in attrs if name in known]
        values = dict(attrs)
        if tag == "a" and (address := self.resolve(values.get("href") or "")):
            kept.append(("href", address))
        source = values.get("src") or ""
        if tag == "img" and source.startswith("data:image/"):
            kept.append(("src", source))
        return kept
