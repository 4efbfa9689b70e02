"""Gates on a lesson's words: their number, numerals that nothing measured, alt text. One line per finding."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from labkit.authoring.lint.form import waiver
from labkit.lesson import parts
from labkit.lesson.source import Cell, Lesson

WORDS, IDEA, ALT = (800, 1600), 250, 5
MEASURED = ("Evidence", "What we saw")
SPEAKING = ("lab.say", "lab.finish")
_UNIT = (
    r"%|‰|percent\b|(?:percentage )?points?\b|[mµnu]?s\b|seconds?\b|milliseconds?\b|minutes?\b|hours?\b|"
    r"[KMG]i?B\b|kB\b|B\b|bytes?\b|dB\b|×|x\b|times\b|-?fold\b|[kMG]?MACs?\b|multiply-adds?\b|parameters\b|weights\b|"
    r"neurons\b|zeros\b|non-?zeros\b|errors\b|images\b|[KMG]?FLOPs?\b"
)
_ALONE = r"(?<![\w.,{}])"  # not int8, not what follows a value
_SPACE = r"[\s\u00a0\u202f-]?"
_NUMERAL = re.compile(rf"{_ALONE}(?:\d+(?:[.,]\d+)*{_SPACE}(?:{_UNIT})|\d+\.\d+{_SPACE}bits?\b)")
_DECADE = re.compile(r"\d{3}0s")
_NAME = re.compile(r"[A-Za-z][^\s(]*-$")  # before the 100 of LeNet-300-100
_LEVEL = re.compile(r"(?:[\s\u00a0-]*(?:Wilson|confidence|credible|two-sided))*[\s\u00a0-]*(?:interval|confidence)")


def words(lesson: Lesson) -> Iterator[str]:
    """Yield a finding unless the page has 800 to 1,600 words in text cells, ``lab.say`` and ``lab.finish``."""
    count = sum(_count(text) for cell in lesson.cells for text, _ in _prose(cell))
    if count > WORDS[1] or (count < WORDS[0] and "few-words" not in lesson.waive):
        low = waiver("few-words") if count < WORDS[0] else ""
        yield f"{lesson.path.name}: {count} words of prose: a page has {WORDS[0]} to {WORDS[1]:,}{low}."
    idea = sum(_count(text) for cell in parts.parts(lesson).get("Idea", []) for text, _ in _prose(cell))
    if idea > IDEA:
        yield f"{lesson.path.name}: {idea} words under '## Idea': shorten it to at most {IDEA}."


def numerals(lesson: Lesson) -> Iterator[str]:
    """Yield a finding for each number with a unit or % in the words of *Evidence* and *What we saw*.

    Looked at: text cells, and the constant text given to lab.say, lab.finish, lab.show (alt) and lab.table (caption).
    Left out: code, formulas, whole bit widths (``8 bits``, ``int8``) and the level of an interval (``95 % interval``).
    """
    for part in MEASURED:
        for cell in parts.parts(lesson).get(part, []):
            for text, line in _prose(cell, also=("lab.show", "lab.table")):
                for numeral in _unmeasured(text):
                    at = lesson.where(cell, line + text[: numeral.start()].count("\n"))
                    yield f"{at}: {numeral[0]!r} under '## {part}' comes from no variable: lab.say(f'… {{value}} …')."


def alt_text(lesson: Lesson) -> Iterator[str]:
    """Yield a finding for each figure and each image in a text cell that has no sentence of alt text."""
    for cell in lesson.cells:
        for call in parts.calls(cell, "lab.show"):
            alt = parts.argument(call, 1, "alt")
            texts = [text for text, _ in parts.said(alt)] if alt is not None else []
            if alt is None or (isinstance(alt, ast.Constant | ast.JoinedStr) and len(" ".join(texts).split()) < ALT):
                yield (
                    f"{lesson.where(cell, call.lineno)}: lab.show needs alt='…', five words or more that describe "
                    "the figure, for readers who cannot see it."
                )
        for call in [*parts.calls(cell, "plt.show"), *parts.calls(cell, "matplotlib.pyplot.show")]:
            yield f"{lesson.where(cell, call.lineno)}: plt.show gives no alt text: use lab.show(figure, alt='…')."
        if cell.kind == "markdown":
            images = re.findall(r"!\[\s*\]\(", cell.text) + [
                tag for tag in re.findall(r"<img\b[^>]*>", cell.text) if not re.search(r"\balt=[\"'][^\"']+", tag)
            ]
            if images:
                yield f"{lesson.where(cell)}: an image without alt text: write ![what is seen](file) or <img alt='…'>."


def _prose(cell: Cell, also: tuple[str, ...] = ()) -> Iterator[tuple[str, int]]:
    """Yield the texts of a cell that a learner reads, each with the line of the cell where it begins."""
    if cell.kind == "markdown":
        yield plain(cell.text), 1
        return
    for name in SPEAKING:
        for call in parts.calls(cell, name):
            for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
                yield from ((plain(text), line) for text, line in parts.said(argument))
    for name, position, key in (("lab.show", 1, "alt"), ("lab.table", 2, "caption"), ("lab.claim", 1, "text")):
        for call in parts.calls(cell, name) if name in also else []:
            words_node = parts.argument(call, position, key)
            yield from ((plain(text), line) for text, line in (parts.said(words_node) if words_node else ()))


def texts_of(lesson: Lesson) -> Iterator[tuple[str, str]]:
    """Yield each text that a learner reads with its place: text cells, said and shown texts, claims, the header."""
    header = [lesson.question, *lesson.objectives, *(term.text for term in lesson.terms.values())]
    yield from ((text, f"{lesson.path.name}, header") for text in header)
    for cell in lesson.cells:
        for text, line in _prose(cell, also=("lab.show", "lab.table", "lab.claim")):
            yield text, lesson.where(cell, line)


def plain(text: str) -> str:
    """Return Markdown without fences, code, formulas, folded hints, tags and link targets; line ends stay."""
    for pattern in (
        r"^```.*?^```",
        r"<details>.*?</details>",
        r"\$\$.*?\$\$",
        r"`(?:[^`\n]|\n(?!\s*\n))*`",  # code and formulas may go on in the next line, not in the next paragraph
        r"(?<!\\)\$(?:[^$\n]|\n(?!\s*\n))+\$",
        r"(?<=\])\([^)\s]*\)",
        r"<[^>]+>",
    ):
        text = re.sub(pattern, lambda match: " " + "\n" * match[0].count("\n"), text, flags=re.M | re.S)
    return text


def _count(text: str) -> int:
    return sum(1 for word in text.split() if re.search(r"\w", word))


def _unmeasured(text: str) -> Iterator[re.Match[str]]:
    for numeral in _NUMERAL.finditer(text):
        level, decade = _LEVEL.match(text, numeral.end()), _DECADE.fullmatch(numeral[0])
        if not (level or decade or _NAME.search(text, 0, numeral.start())):
            yield numeral
