"""An executed notebook as one HTML page that works without a network and without scripts."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import nbformat
from markupsafe import Markup
from nbconvert.exporters.templateexporter import TemplateExporter

from labkit import __version__
from labkit.lesson.parts import HIDDEN
from labkit.report import markdown, style
from labkit.report.fragments import Regions, cleaned
from labkit.report.notebooks import read_json
from labkit.report.tables import link
from labkit.session.events import MIME

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)
_LINE = re.compile(r'\s*<div class="labkit-line"[^>]*>(.*)</div>\s*', re.S)
_MOST_TEXT = 100_000  # characters of one output; a page's longest has a hundredth


@dataclass(frozen=True)
class Place:
    """Where a page lies, and what its links may lead to.

    ``origin`` is the folder that the notebook's own links start from, ``siblings`` are the names, without an ending,
    of the pages that lie beside this one.
    """

    page: Path
    report: Path
    origin: Path
    siblings: Collection[str]

    def resolve(self, target: str) -> str:
        """Return the address that a link to *target* gets on this page; empty for one that would lead nowhere."""
        if target.startswith("#"):
            return target
        if _SCHEME.match(target):
            return target if target.lower().startswith(("http:", "https:", "mailto:")) else ""
        name, sign, part = target.partition("#")
        path = Path(unquote(name))
        if path.suffix == ".ipynb":
            is_beside = path.parent == Path() and path.stem in self.siblings
            return f"{quote(path.stem)}.html{sign}{part}" if is_beside else ""
        found = (self.origin / path).resolve()
        course = self.origin.parent.parent.resolve()
        return (
            f"{link(found, self.page)}{sign}{part}" if name and found.is_relative_to(course) and found.is_file() else ""
        )


@dataclass(frozen=True)
class About:
    """What stands above the page: the lesson's heading, and facts by name."""

    heading: str
    facts: Sequence[tuple[str, str]]
    rough: bool


def convert(notebook: Path, place: Place, about: About) -> str:
    """Return the executed *notebook* as an HTML page; raises LabkitError when it cannot be read."""
    content = nbformat.from_dict(read_json(notebook))
    body = _Body(place)
    sheet = style.page_sheet()
    exporter = _exporter()
    exporter.environment.globals["body"] = body  # not a resource: nbconvert copies those deeply
    text, _ = exporter.from_notebook_node(
        content,
        {
            "about": about,
            "style": Markup(sheet),
            "policy": style.policy(sheet),
            "report": link(place.report, place.page),
            "notebook": link(notebook, place.page),
            "version": __version__,
        },
    )
    return str(text).encode("utf-8", "replace").decode("utf-8")


class _Exporter(TemplateExporter):
    """nbconvert's exporter with our template, in which everything is escaped."""

    file_extension = ".html"
    enabled_preprocessors: Sequence[str] = ()

    def _create_environment(self) -> Any:
        environment = super()._create_environment()
        environment.autoescape = True
        return environment


@cache
def _exporter() -> Any:
    """Return the exporter, which is made once: its template is the same for every page."""
    return _Exporter(template_name="base", raw_template=_TEMPLATE.read_text(encoding="utf-8"))


class _Body:
    """The cells of one page as HTML."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.regions = Regions()
        self.renderer = markdown.Renderer()
        self.parser = markdown.parser(self.renderer)

    @property
    def has_title(self) -> bool:
        """Return whether the cells so far have brought the page's heading."""
        return self.renderer.has_title

    def cell(self, cell: Mapping[str, Any]) -> Markup:
        """Return one cell with its outputs."""
        source = _text(cell.get("source"))
        if cell.get("cell_type") == "markdown":
            return Markup(f'<div class="text">{self._markdown(source)}</div>')
        if cell.get("cell_type") != "code" or not source.strip():
            return Markup("")
        code = markdown.code_block(source)
        if _hidden(cell.get("metadata", {})):
            code = f"<details><summary>Show the code</summary>{code}</details>"
        outputs = self._outputs(cell.get("outputs", []))
        shown = f'<div class="outputs">{outputs}</div>' if outputs else ""
        return Markup(f'<div class="cell">{code}{shown}</div>')

    def _markdown(self, text: str) -> str:
        return self._cleaned(self.parser.render(text))

    def _cleaned(self, html: str) -> str:
        return cleaned(html, self.regions, self.place.resolve)

    def _outputs(self, outputs: Sequence[Mapping[str, Any]]) -> str:
        """Return the outputs of a cell; lines of short results in a row are one list."""
        parts = []
        for is_line, group in groupby(outputs, _is_line):
            if is_line:
                items = (_LINE.sub(r"\1", _text(output["data"]["text/html"])) for output in group)
                entries = "".join(f"<li>{self._cleaned(item)}</li>" for item in items)
                parts.append(f'<ul class="claims">{entries}</ul>')
            else:
                parts += [self._output(output) for output in group]
        return "".join(parts)

    def _output(self, output: Mapping[str, Any]) -> str:
        """Return one output in the richest form that needs no script."""
        kind = output.get("output_type")
        if kind == "stream":
            return _plain(output.get("text"))
        if kind == "error":
            trace = "\n".join(map(str, output.get("traceback", []))) or f"{output.get('ename')}: {output.get('evalue')}"
            return _plain(trace, "error")
        data = output.get("data", {})
        if "text/html" in data:
            return self._cleaned(_text(data["text/html"]))
        if "text/markdown" in data:
            return f'<div class="text">{self._markdown(_text(data["text/markdown"]))}</div>'
        if "text/latex" in data:
            return self._markdown(_text(data["text/latex"]))
        if "image/png" in data:
            code = re.sub(r"\s", "", _text(data["image/png"]))
            return self._cleaned(f'<img alt="A figure without a description" src="data:image/png;base64,{code}">')
        return _plain(data["text/plain"]) if "text/plain" in data else ""


def _hidden(metadata: Mapping[str, Any]) -> bool:
    """Return whether a cell's code is to be folded away."""
    jupyter = metadata.get("jupyter")
    hidden = isinstance(jupyter, Mapping) and jupyter.get("source_hidden") is True
    return hidden or HIDDEN in (metadata.get("tags") or [])


def _is_line(output: Mapping[str, Any]) -> bool:
    """Return whether an output is a claim in one line."""
    data = output.get("data", {})
    record = data.get(MIME)
    is_claim = isinstance(record, Mapping) and record.get("kind") == "claim"
    return is_claim and _LINE.fullmatch(_text(data.get("text/html", ""))) is not None


def _plain(text: Any, kind: str = "output") -> str:
    """Return plain text as a block, without the colours of a terminal."""
    lines = _ANSI.sub("", _text(text))[:_MOST_TEXT]
    return markdown.code_block(lines, python=False, kind=kind) if lines.strip() else ""


def _text(value: Any) -> str:
    """Return a notebook's multi-line text, a string or a list of them."""
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")
