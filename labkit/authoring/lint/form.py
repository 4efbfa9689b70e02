"""Gates on a lesson's form: header, title, order of the parts, first cells, size, end. One line per finding."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from labkit.authoring import documents
from labkit.base.errors import LabkitError, nearest
from labkit.lesson import parts
from labkit.lesson.source import Lesson, parameters

CELLS, PARAMETERS, OBJECTIVES = (20, 45), 8, (3, 5)
WAIVABLE = {
    "few-words": "fewer words than a page has",
    "few-cells": "fewer cells than a page has",
    "few-exercises": "fewer exercises than a page has",
    "shown-solution": "an exercise whose solution the page shows",
}


def header(lesson: Lesson) -> Iterator[str]:
    """Yield a finding unless the header has 3 to 5 objectives and only known waivers."""
    if not OBJECTIVES[0] <= len(lesson.objectives) <= OBJECTIVES[1]:
        yield f"{lesson.path.name}: {len(lesson.objectives)} objectives in the header: name 3 to 5, each with a verb."
    for limit in lesson.waive:
        if limit not in WAIVABLE:
            yield f"{lesson.path.name}: nothing called {limit!r} can be waived{nearest(limit, WAIVABLE)}."


def title(lesson: Lesson) -> Iterator[str]:
    """Yield a finding unless the first cell is ``# NN · Title`` and the question, the only level-1 heading."""
    if not lesson.cells:
        yield f"{lesson.path.name}: the source has no cells."
        return
    first = lesson.cells[0]
    beginning = f"# {lesson.heading}\n\n{lesson.question}"
    if first.kind != "markdown" or first.text.split("\n\n")[:2] != beginning.split("\n\n"):
        yield (
            f"{lesson.where(first)}: the first cell is the title, a blank line and the question, as in the header: "
            f"{beginning!r}."
        )
    for cell in lesson.cells[1:]:
        if parts.heading(cell, 1):
            yield f"{lesson.where(cell)}: a second level-1 heading: make it level 2 (a part) or 3."


def order(lesson: Lesson) -> Iterator[str]:
    """Yield a finding unless the level-2 headings are the parts of a page, in order, each once, first in its cell."""
    last = -1
    for cell in lesson.cells:
        if cell.kind != "markdown":
            continue
        text = re.sub(r"^```.*?^```", lambda fence: "\n" * fence[0].count("\n"), cell.text, flags=re.M | re.S)
        for number, line in enumerate(text.splitlines(), 1):
            if not re.match(r"## ", line):
                continue
            name, at = line[3:].strip(), lesson.where(cell, number)
            if name not in parts.PARTS:
                yield f"{at}: there is no part {name!r}{nearest(name, parts.PARTS)}: inside a part, use level 3."
            elif number > 1:
                yield f"{at}: a part begins a cell of its own: start a new cell at '## {name}'."
            elif parts.PARTS.index(name) <= last:
                yield f"{at}: {name!r} comes after {parts.PARTS[last]!r}: the order is {', '.join(parts.PARTS)}."
            else:
                last = parts.PARTS.index(name)


def first_cells(lesson: Lesson) -> Iterator[str]:
    """Yield a finding unless the page begins with imports, parameters and ``lab = start("NN", seed=seed)``."""
    code = [cell for cell in lesson.cells if cell.kind == "code"]
    if len(code) < 3:
        yield f"{lesson.path.name}: a page begins with three code cells: imports, parameters, lab = start(…)."
        return
    statements = ast.parse(code[0].text).body
    if not all(isinstance(statement, ast.Import | ast.ImportFrom) for statement in statements):
        yield f"{lesson.where(code[0])}: the first code cell holds imports alone: move the rest below the set-up."
    roots = [root for statement in statements for root in _roots(statement)]
    late = [root for root in roots[: roots.index("labkit")] if "tensorflow" in root] if "labkit" in roots else []
    if late:
        yield f"{lesson.where(code[0])}: labkit chooses Keras 2 for TensorFlow, so import it before {late[0]}."
    setup = ast.parse(code[2].text).body
    if not setup or ast.unparse(setup[0]) != f"lab = start('{lesson.number}', seed=seed)":
        yield f'{lesson.where(code[2])}: the third code cell begins with: lab = start("{lesson.number}", seed=seed).'


def parameters_cell(lesson: Lesson) -> Iterator[str]:
    """Yield a finding unless the second code cell alone is tagged ``parameters``, with at most 8 documented values."""
    code = [cell for cell in lesson.cells if cell.kind == "code"]
    tagged = [cell for cell in code if "parameters" in cell.tags]
    if len(code) < 2 or tagged != [code[1]]:
        yield f'{lesson.path.name}: the second code cell, and no other, begins with: # %% tags=["parameters"].'
        return
    try:
        values = parameters(lesson)
    except LabkitError as error:
        yield str(error)
        return
    if len(values) > PARAMETERS:
        yield f"{lesson.where(tagged[0])}: {len(values)} parameters: keep the {PARAMETERS} that a reader would change."
    if "seed" not in [parameter.name for parameter in values]:
        yield f"{lesson.where(tagged[0])}: there is no parameter seed: every page can be run with another one."


def routes_and_terms(lesson: Lesson, course: Sequence[Lesson], package: Path) -> Iterator[str]:
    """Yield a finding for each route that ``data/routes.toml`` lacks, and for each term of another lesson."""
    routes = documents.routes(lesson.path.parents[2])
    for route in lesson.routes:
        if route not in routes:
            yield f"{lesson.path.name}: data/routes.toml has no route {route!r}{nearest(route, routes)}."
        elif routes[route].every_lesson:
            yield f"{lesson.path.name}: the route {route!r} has every lesson: leave it out of 'routes'."
    for other in course:
        for term in sorted(lesson.terms.keys() & other.terms.keys()):
            if other.number != lesson.number:
                yield f"{lesson.path.name}: lesson {other.heading} has the term {term!r} too: keep it in one of them."


def cells(lesson: Lesson) -> Iterator[str]:
    """Yield a finding unless the source has 20 to 45 cells, without the generated card and links."""
    count = len(lesson.cells)
    if count > CELLS[1] or (count < CELLS[0] and "few-cells" not in lesson.waive):
        low = waiver("few-cells") if count < CELLS[0] else ""
        yield f"{lesson.path.name}: {count} cells: a page has {CELLS[0]} to {CELLS[1]}{low}."


def finish(lesson: Lesson) -> Iterator[str]:
    """Yield a finding unless ``lab.finish`` is called once, in the last code cell, under *What we saw*."""
    code = [cell for cell in lesson.cells if cell.kind == "code"]
    ends = [cell for cell in code if parts.calls(cell, "lab.finish")]
    if not code or ends != [code[-1]] or ends[0] not in parts.parts(lesson).get("What we saw", []):
        yield f"{lesson.path.name}: the last code cell, under '## What we saw', and no other calls lab.finish(…)."


def _roots(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name.split(".")[0] for alias in statement.names]
    return [(statement.module or "").split(".")[0]] if isinstance(statement, ast.ImportFrom) else []


def waiver(limit: str) -> str:
    """Return the end of a finding that a lesson may waive, with the reason in its header."""
    return f" (or give the reason in its header, waive: [{limit}: reason])"
