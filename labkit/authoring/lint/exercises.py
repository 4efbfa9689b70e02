"""Gates on a lesson's exercises and predictions. One line per finding."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from labkit.authoring.lint.form import waiver
from labkit.base.places import PACKAGE
from labkit.lesson import parts
from labkit.lesson.source import Cell, Lesson

EXERCISES = (2, 4)


def exercises(lesson: Lesson) -> Iterator[str]:
    """Yield a finding unless *Your turn* has 2 to 4 exercises with chip, marked stub, ``lab.check`` and two hints."""
    page_exercises = parts.exercises(lesson)
    if len(page_exercises) > EXERCISES[1] or (
        len(page_exercises) < EXERCISES[0] and "few-exercises" not in lesson.waive
    ):
        low = waiver("few-exercises") if len(page_exercises) < EXERCISES[0] else ""
        yield f"{lesson.path.name}: {len(page_exercises)} exercises under '## Your turn': a page has 2 to 4{low}."
    ids = [exercise.id for exercise in page_exercises]
    if ids != [f"{lesson.number}.{number}" for number in range(1, len(page_exercises) + 1)]:
        first, second = f"{lesson.number}.1", f"{lesson.number}.2"
        yield f"{lesson.path.name}: its exercises are {', '.join(ids)}: number them {first}, {second} …"
    for exercise in page_exercises:
        yield from _exercise(lesson, exercise)
    inside = [cell for exercise in page_exercises for cell in exercise.cells]
    for cell in lesson.cells:
        if cell not in inside and (
            parts.calls(cell, "lab.check") or (cell.kind == "code" and parts.BEGIN in cell.text)
        ):
            yield (
                f"{lesson.where(cell)}: an exercise without a heading '### {lesson.number}.1 …' under '## Your turn': "
                "give it one."
            )


def registered(lesson: Lesson, course: Sequence[Lesson] = (), package: Path = PACKAGE) -> Iterator[str]:
    """Yield a finding unless ``labkit.exercises.lessonNN`` has the same exercises as the page."""
    ids = [exercise.id for exercise in parts.exercises(lesson)]
    file = package / "exercises" / f"lesson{lesson.number}.py"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    registered_ids = re.findall(r"\bExercise\(\s*(?:id\s*=\s*)?[\"'](\d\d\.\d+)", text)
    if sorted(registered_ids) != sorted(ids):
        yield (
            f"{lesson.path.name}: its exercises are {', '.join(ids) or 'none'}, and those in labkit.exercises.lesson"
            f"{lesson.number} are {', '.join(registered_ids) or 'none'}: make them the same."
        )


def prediction(lesson: Lesson) -> Iterator[str]:
    """Yield a finding for each ``lab.predict`` without a ``lab.answer`` of the same id, and for each misnamed id."""
    predictions = {name: cell for cell, name in _ids(lesson.cells, "lab.predict")}
    answers = {name: cell for cell, name in _ids(lesson.cells, "lab.answer")}
    for name, cell in predictions.items():
        if not name.startswith(f"{lesson.number}."):
            yield f"{lesson.where(cell)}: the prediction's id is {name!r}: begin it with '{lesson.number}.'."
        if name not in answers:
            yield f"{lesson.where(cell)}: no lab.answer compares the prediction: add lab.answer({name!r}, …)."
    for name, cell in answers.items():
        if name not in predictions:
            yield f"{lesson.where(cell)}: lab.answer({name!r}, …) answers no prediction of this page."


def claims(lesson: Lesson) -> Iterator[str]:
    """Yield a finding for each ``lab.claim`` whose first argument is no id of its own: lesson number, dot, word.

    In a loop, the id may be an f-string, or a variable whose values stand in the same cell.
    """
    places: dict[str, str] = {}
    for cell in lesson.cells:
        for call in parts.calls(cell, "lab.claim"):
            at = lesson.where(cell, call.lineno)
            names = _claim_ids(lesson, cell, call)
            if not names:
                yield f'{at}: a claim begins with its id, in small letters: lab.claim("{lesson.number}.word", …).'
            for name in names:
                if name in places:
                    yield f"{at}: the claim at {places[name]} has the id {name!r} too: give each its own."
                places.setdefault(name, at)


def _claim_ids(lesson: Lesson, cell: Cell, call: ast.Call) -> list[str]:
    """Return the ids that a claim can have, an f-string's values as ``{}``; none when its first argument is no id."""
    first = call.args[0] if call.args else None
    text_of = ast.parse(cell.text) if isinstance(first, ast.Name) else first
    texts = [text for text, _ in parts.said(text_of)] if text_of is not None else []
    names = [text for text in texts if re.fullmatch(rf"{lesson.number}\.(?:[a-z0-9_.-]|{{}})+", text)]
    return list(dict.fromkeys(names))


def _exercise(lesson: Lesson, exercise: parts.Exercise) -> Iterator[str]:
    at = lesson.where(exercise.cells[0])
    if not exercise.stars:
        yield f"{at}: the heading has no chip: '### {exercise.id} Title ★☆☆ · 5 minutes', three stars in all."
    checked = _ids(exercise.cells, "lab.check")
    if [name for _, name in checked] != [exercise.id]:
        yield (
            f"{at}: exercise {exercise.id} has the checks {[name for _, name in checked]}: "
            f'one cell of it ends in lab.check("{exercise.id}", …).'
        )
    else:
        stub = checked[0][0]
        if "lab.check(" not in ast.unparse(ast.parse(stub.text).body[-1]):
            yield f"{lesson.where(stub)}: lab.check is the last line of its cell, so that its verdict stands below it."
        yield from _markers(lesson, stub)
    if exercise.hints < 2:
        yield (
            f"{at}: exercise {exercise.id} has {exercise.hints} hints: fold two or more, each as "
            "<details><summary>Hint 1</summary>, a blank line, the hint, </details>."
        )
    for cell in exercise.cells:
        if cell.kind == "markdown" and re.search(r"</summary>[ \t]*\n?[ \t]*[^\s<]", cell.text):
            yield f"{lesson.where(cell)}: leave a blank line after </summary>, or the hint's Markdown is not rendered."


def _markers(lesson: Lesson, stub: Cell) -> Iterator[str]:
    at = lesson.where(stub)
    marks = [line.strip() for line in stub.text.splitlines() if line.strip().startswith("###")]
    if not marks and "shown-solution" in lesson.waive:
        return
    if marks != [parts.BEGIN, parts.END]:
        yield f"{at}: a stub has one solution, between {parts.BEGIN!r} and {parts.END!r}, and no other ### line."
        return
    try:
        student = ast.parse(parts.without_solution(stub.text))
    except SyntaxError:
        yield f"{at}: without its solution the stub is no Python: keep the signature and the indentation outside it."
        return
    for function in (node for node in student.body if isinstance(node, ast.FunctionDef)):
        if ast.get_docstring(function) is None:
            yield (
                f"{lesson.where(stub, function.lineno)}: {function.name} has no docstring: "
                "describe the arguments and the result."
            )


def _ids(cells: Sequence[Cell], call: str) -> list[tuple[Cell, str]]:
    """Return the cells that make a *call*, each with the id that is its first argument."""
    return [
        (cell, str(node.args[0].value) if node.args and isinstance(node.args[0], ast.Constant) else "")
        for cell in cells
        for node in parts.calls(cell, call)
    ]
