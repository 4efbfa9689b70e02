"""Gates on a lesson's English: sentences that are too long, and phrases that the page guide replaces.

They find what a program can find. The rest is reading aloud.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from labkit.authoring.lint.prose import plain, texts_of
from labkit.lesson.source import Lesson

LONGEST = 30  # words of a sentence; the guide recommends 25
_UNITS = r"(?:bits?|bytes?|values?|weights?|images?|operations?|milliseconds?|ms|microseconds?|levels?|scales?)"
_EACH = r"(?:value|weight|number|channel|symbol|image|layer|tensor|neuron|parameter|element|group|block|step|call)"
PHRASES = {
    rf"\b{_UNITS} an? {_EACH}\b": "write 'per'",
    r"\b[Ww]hoever\b": "write 'if you …'",
    r"\b[Oo]ne (?:often |must |may |can |should )?(?:reads?|sees?|finds?|knows?|thinks?|stores?|says?)\b": (
        "write 'we' or 'you'"
    ),
    r"\b[Mm]end(?:s|ed|ing)?\b": "write 'fix'",
    r"\b(?:take|takes|taken|taking|took) away\b": "write 'remove'",
    r"\b(?:is|are|was|were|be) worth\b": "name the gain or the cost",
    r"\b(?:is|are|was|were|be|not) (?:told|asked)\b": "write 'stored', 'given' or 'required'",
    r"\b[Tt]he asked\b": "write 'the required'",
    r"\bstands? (?:beside|between|above|below|here|there)\b": "write 'is'",
    r"\bby the (?:evening|house|door|way)\b": "leave out the figure of speech",
    r"\bpoints? in (?:\d+|a hundred)\b": "write 'percentage points'",
    r"\b[Oo]f (?:others|one's own)\b": "name the person or the thing",
    r"\b[Uu]tiliz(?:e|es|ed|ing)\b": "write 'use'",
    r"\b(?:[Oo]bviously|[Ss]imply|[Oo]f course|[Nn]eedless to say|[Vv]ery unique)\b": "leave it out",
}
_COMPILED = {re.compile(pattern): remedy for pattern, remedy in PHRASES.items()}
_END = re.compile(r"(?:[.!?:;]['\")\]*_]*(?=\s|$)|\n\s*\n|\n\s*(?=[-*>|]|\d+\. ))")


def english(lesson: Lesson) -> Iterator[str]:
    """Yield a finding for each sentence of more than 30 words, and for each phrase that has a plainer form."""
    for text, where in texts_of(lesson):
        yield from (f"{where}: {finding}" for finding in findings(text))


def findings(text: str) -> Iterator[str]:
    """Yield a line for each long sentence and each listed phrase in *text* (Markdown)."""
    words = plain(text)
    for sentence in sentences(words):
        count = len(re.findall(r"\S*\w\S*", sentence))
        if count > LONGEST:
            yield f"a sentence of {count} words ({sentence[:50]!r} …): split it; {LONGEST} words at most."
    for pattern, remedy in _COMPILED.items():
        for match in pattern.finditer(words):
            yield f"{match[0]!r}: {remedy}."


def sentences(text: str) -> list[str]:
    """Return the sentences of *text* without its tables; items of a list are sentences of their own."""
    prose = "\n".join(line if not line.lstrip().startswith("|") else "" for line in text.splitlines())
    return [" ".join(sentence.split()) for sentence in _END.split(prose) if sentence.strip()]
