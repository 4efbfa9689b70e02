"""The report: everything that was asked for is on it, it stands alone, and it survives odd notebooks."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import report_toys as toys
from hypothesis import given
from hypothesis import strategies as st

from labkit.report import html, tables
from labkit.report.data import pages_in, pages_of
from labkit.report.labels import Box, Placer, text_width
from labkit.report.pareto import Point, front, panel
from labkit.session.plot import COLOURS


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with its report."""
    folder = tmp_path_factory.mktemp("build")
    outcomes = toys.run(folder / "runs")
    html.write(html.pages_of(outcomes, folder / "runs"), folder / "report" / "index.html")
    return folder


@pytest.fixture(scope="module")
def page(build: Path) -> str:
    return (build / "report" / "index.html").read_text(encoding="utf-8")


class Balance(HTMLParser):
    """Notes tags that are not closed, or not in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_it_is_well_formed_and_stands_alone(page: str) -> None:
    balance = Balance()
    balance.feed(page)
    assert not balance.wrong and not balance.open
    assert "<script" not in page and "<link" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page) and "url(" not in page and "@import" not in page
    assert len(page) < 200_000


def test_the_top_says_what_it_shows(page: str) -> None:
    top = re.sub("<[^>]+>", " ", page.split("<main>")[0])
    for word in ("profile  full", "edition  solved", "Toy processor, 2 cores", "tensorflow 2.21.0", "run was stopped"):
        assert word in top
    cards = dict(re.findall(r'<b class="[^"]*">(\d+)</b><span>([^<]+)</span>', page))
    assert {word: int(count) for count, word in re.findall(r'<b class="[^"]*">(\d+)</b><span>([^<]+)<', page)} == {
        "notebooks": 7, "ok": 5, "failed": 1, "not run": 1, "claims held": 4, "claims only shown": 6,
        "claims failed": 1, "measurements": 29,
    }, cards  # fmt: skip


def test_a_row_a_notebook_with_links_that_lead_there(build: Path, page: str) -> None:
    links = set(re.findall(r'href="(\.\.[^"]+)"', page))
    assert "../runs/full-sparsity%3D0.97/31_magnitude_pruning.ipynb" in links
    for address in links:
        assert (build / "report" / address.replace("%3D", "=")).resolve().is_file()
    assert "<code>labkit run 31 -p sparsity=0.97</code>" in page
    assert "over budget" in page and "124 % of the budget of 300 s" in page


def test_results_and_claims(page: str) -> None:
    text = re.sub("<[^>]+>", "", page.replace("\N{NARROW NO-BREAK SPACE}", ","))
    for word in (
        "89.52 % ± 0.60, n 10,000",
        "1,068,444",
        "262,200",
        "53,650 (20 %)",
        "0.0209 ms (0.0201–0.0224)",
        "1.00 ×",
    ):
        assert word in text, word
    for word in ("✓ held", "· only shown", "✗ failed", "≥ 79.50 %", "80.12 %"):
        assert word in text, word


def test_a_failure_shows_the_cell_and_the_error(page: str) -> None:
    section = page.split('<section id="failures">')[1].split("</section>")[0]
    assert "lab.claim(&#x27;Merging beats deleting&#x27;, 0.871, at_least=0.9)" in section
    assert "cell 18 of 24: ClaimFailed: Merging beats deleting: 87.10 %, asked ≥ 90.00 %." in section
    assert "54_merging_neurons.ipynb" in section and "labkit run 54" in section and "\x1b" not in section


def test_tables_and_pictures_are_accessible(page: str) -> None:
    assert page.count("<table>") == page.count("<caption>") == page.count("<thead>")
    assert '<th scope="col"' in page and '<th scope="row"' in page and '<html lang="en">' in page
    for picture in re.findall(r"<svg class=\"pareto.*?</svg>", page, re.S):
        tree = ElementTree.fromstring(picture)
        assert tree.get("role") == "img" and tree.get("aria-label") and tree.find("title") is not None


def test_every_technique_has_its_colour(page: str) -> None:
    for name, colour in COLOURS.items():
        assert f".t-{name.replace(' ', '-')}{{--c:{colour}" in page


def test_the_fast_profile_says_what_it_is_worth(tmp_path: Path) -> None:
    text = html.build(pages_of(toys.run(tmp_path, "fast"), tmp_path), tmp_path / "index.html")
    assert "profile <b>fast</b>" in text and "make run PROFILE=full" in text


def test_a_folder_without_outcomes_is_enough(build: Path, tmp_path: Path) -> None:
    for path in (build / "runs").rglob("*.ipynb"):
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        (tmp_path / path.parent.name / path.name).write_bytes(path.read_bytes())
    pages = pages_in([tmp_path])
    assert [page.lesson for page in pages] == ["00", "31", "31", "31", "40", "54"]
    assert pages[-1].status == "failed" and pages[-1].sentence.startswith("ClaimFailed: Merging")
    assert "pruned 95 %" in html.build(pages, tmp_path / "index.html")


def test_a_folder_of_runs_is_read_with_its_outcomes(build: Path) -> None:
    pages = pages_in([build / "runs"])
    assert len(pages) == 6 and pages[1].command == "labkit run 31"
    assert pages[0].elapsed_s == 12.0 and pages[0].budget_s == 300


@pytest.mark.parametrize("text", ["", "{ truncated", "[]", '{"cells": [{"outputs": [{"data": {}}]}]}'])
def test_an_odd_notebook_does_no_harm(tmp_path: Path, text: str) -> None:
    (tmp_path / "31_odd.ipynb").write_text(text)
    assert "31 · odd" in html.build(pages_in([tmp_path]), tmp_path / "index.html")


def test_what_pages_say_is_escaped_and_gaps_are_dashes(tmp_path: Path) -> None:
    event = {"kind": "measurement", "name": "<b>&", "technique": 'a"b', "accuracy": None, "lesson": "31"}
    claim = {"kind": "claim", "text": "1 < 2", "value": None, "relation": "≥ <", "status": "shown", "held": False}
    toys.notebook(tmp_path / "31_x.ipynb", [event, claim])
    text = html.build(pages_in([tmp_path]), tmp_path / "index.html")
    assert "&lt;b&gt;&amp;" in text and "1 &lt; 2" in text and "would not hold here" in text
    assert "–</td>" in text


# The picture


points = st.builds(
    Point,
    st.text("abc %", min_size=1, max_size=18),
    st.sampled_from(sorted(COLOURS)),
    st.sampled_from(["lenet5", "ds_cnn"]),
    st.floats(10, 1e8),
    st.floats(0, 1),
    st.none() | st.floats(1e-3, 1e3),
)


@given(st.lists(points, min_size=1, max_size=30))
def test_the_front_is_what_nothing_beats(found: list[Point]) -> None:
    best = front(found)
    assert best == sorted(best, key=lambda one: one.bytes)
    for point in found:
        beaten = any(
            (other.bytes <= point.bytes and other.accuracy >= point.accuracy)
            and (other.bytes, other.accuracy) != (point.bytes, point.accuracy)
            for other in found
        )
        if point in best:
            assert not beaten
        else:
            assert any(one.bytes <= point.bytes and one.accuracy >= point.accuracy for one in best)


@given(st.lists(points, min_size=1, max_size=30), st.booleans())
def test_any_points_make_a_picture(found: list[Point], mixed: bool) -> None:
    tree = ElementTree.fromstring(panel("any", found, mixed=mixed))
    marks = [one for one in tree.iter() if "mark" in (one.get("class") or "").split()]
    assert len(marks) == len(found)
    numbers = [float(one.get(name, 0)) for one in tree.iter() for name in ("cx", "cy", "x", "y")]
    assert all(-1 <= number <= 561 for number in numbers)


@given(
    st.lists(st.tuples(st.floats(60, 500), st.floats(40, 300), st.text("abcde", min_size=1, max_size=12)), max_size=25)
)
def test_labels_never_cover_each_other(wanted: list[tuple[float, float, str]]) -> None:
    placer = Placer(50, 30, 550, 340)
    placed = [box for x, y, text in wanted if (box := placer.place(x, y, 4, text)) is not None]
    assert not any(one.meets(other) for i, one in enumerate(placed) for other in placed[:i])
    assert all(box.left >= 50 and box.right <= 550 for box in placed)
    assert text_width("mm") > text_width("ii") and Box(0, 0, 1, 1).meets(Box(0.5, 0.5, 2, 2))


def test_the_time_bar_marks_what_is_over(tmp_path: Path) -> None:
    pages = pages_of(toys.run(tmp_path), tmp_path)
    bars = [tables.time_bar(page) for page in pages]
    assert 'class="over"' in bars[2] and 'class="time"' in bars[0] and bars[-1] == ""
