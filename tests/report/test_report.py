"""The report: everything that was asked for is on it, it stands alone, and it survives odd notebooks."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import tomllib
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import report_toys as toys
from hypothesis import given
from hypothesis import strategies as st

from labkit.report import charts, html, tables
from labkit.report.data import Page, pages_in, pages_of
from labkit.report.labels import Box, Placer, text_width
from labkit.report.pareto import LARGEST, SHAPES, SMALLEST, Point, front, mark, panel
from labkit.session.events import Event, Measurement
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
    assert len(page.encode()) < 250_000


def test_the_top_says_what_it_shows(page: str) -> None:
    top = re.sub("<[^>]+>", " ", page.split("<main>")[0])
    for word in ("profile  full", "edition  solved", "Toy processor, 2 cores", "tensorflow 2.21.0", "run was stopped"):
        assert word in top
    assert {word: int(count) for count, word in re.findall(r'<b class="[^"]*">(\d+)</b><span>([^<]+)<', page)} == {
        "notebooks": 7, "ok": 5, "failed": 1, "not run": 1, "claims held": 4, "claims only shown": 6,
        "claims failed": 1, "measurements": 29,
    }  # fmt: skip


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
    assert "lab.claim(&#39;Merging beats deleting&#39;, 0.871, at_least=0.9)" in section
    assert "cell 18 of 24: ClaimFailed: Merging beats deleting: 87.10 %, asked ≥ 90.00 %." in section
    assert "54_merging_neurons.ipynb" in section and "labkit run 54" in section and "\x1b" not in section


def test_tables_and_pictures_are_accessible(page: str) -> None:
    assert page.count("<table>") == page.count("<caption>") == page.count("<thead>") == 3
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
    event = replace(toys.measurement("31", toys.ROWS["40"][5]), name="<b>&", technique='a"b')
    claim = replace(toys.claim("31", "shown"), text="1 < 2", value=None, relation="≥ <", held=False)
    toys.notebook(tmp_path / "31_x.ipynb", [event, claim])
    text = html.build(pages_in([tmp_path]), tmp_path / "index.html")
    assert "&lt;b&gt;&amp;" in text and "1 &lt; 2" in text and "would not hold here" in text
    assert text.count("–</td>") == 2  # neither a latency nor a ratio


def test_every_section_is_rendered_and_in_the_menu(page: str, tmp_path: Path) -> None:
    toys.notebook(tmp_path / "31_x.ipynb", [toys.start("31"), {"schema": 1}])
    sections = re.findall(r'<section id="(\w+)">', page)
    with_problems = html.build(pages_in([tmp_path]), tmp_path / "index.html")
    assert sections == ["ran", "failures", "results", "pareto", "claims"]
    assert re.findall(r'<section id="(\w+)">', with_problems) == ["ran", "unreadable", "results", "pareto", "claims"]
    for text in (page, with_problems):
        menu = text.split("<nav ")[1].split("</nav>")[0]
        assert re.findall(r'href="#(\w+)"', menu) == re.findall(r'<section id="(\w+)">', text)
    for words in (
        "No page has measured anything.",
        "measured anything on test images.",
        "No page has claimed anything.",
    ):
        assert words in with_problems


def test_a_browser_may_load_nothing_but_the_pages_own_style(page: str) -> None:
    policy = unescape(re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)[0])
    style = re.findall("<style>(.*?)</style>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert len(style) == 1 and rules["style-src"] == f"'sha256-{digest}'"
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:" and "script-src" not in rules
    assert not re.search(r"<[^>]+ (style|on\w+)=", page)  # the policy would block these


def test_the_parts_of_the_page_are_in_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["labkit.report"]
    others = [path for path in Path(html.__file__).parent.iterdir() if path.is_file() and path.suffix != ".py"]
    assert {path.name for path in others} == {"index.html.j2", "page.html.j2", "base.css", "index.css", "page.css"}
    assert all(any(path.match(pattern) for pattern in patterns) for path in others)


def test_a_time_is_the_processors_where_it_is_known(page: str) -> None:
    assert "11.0 s of processor time, 4 % of the budget of 300 s" in page
    assert "188.3 s of processor time, 63 % of the budget of 300 s" in page
    assert "12.0 s</td>" in page  # the elapsed time stands in a column of its own


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
    assert not any(one.overlaps(other) for i, one in enumerate(placed) for other in placed[:i])
    assert all(box.left >= 50 and box.right <= 550 for box in placed)
    assert text_width("mm") > text_width("ii") and Box(0, 0, 1, 1).overlaps(Box(0.5, 0.5, 2, 2))


def page_with(*events: Event, **fields: object) -> Page:
    return Page(lesson="31", title="x", status="ok", events=events, **fields)


def test_only_test_images_count_in_the_picture() -> None:
    tested = toys.measurement("31", toys.ROWS["31"][1])
    validated = replace(tested, name="on validation", split="validation", accuracy=0.99)
    points = charts.points_by_dataset([page_with(validated, tested)])
    assert [point.name for point in points["fashion_mnist"]] == ["pruned 50 %"]
    text = html.build([page_with(validated, tested)], Path("index.html"))
    assert "on validation" in text.split('id="results"')[1].split("</section>")[0]
    assert "on validation" not in text.split('id="pareto"')[1].split("</section>")[0]
    assert charts.points_by_dataset([page_with(validated)]) == {}


def test_a_baseline_is_drawn_once_however_many_lessons_measure_it(build: Path) -> None:
    pages = pages_in([build / "runs"])
    measured = [event for page in pages for event in page.of(Measurement) if event.technique == "baseline"]
    assert [event.network for event in measured].count("lenet_300_100") == 3
    text = html.build(pages, build / "index.html")
    pictures = re.findall(r"<svg class=\"pareto.*?</svg>", text, re.S)
    rings = {re.findall("<title>(.*?)</title>", picture)[0]: picture.count('class="ring"') for picture in pictures}
    assert rings == {
        "fashion_mnist: all networks": 3, "fashion_mnist: ds_cnn": 1, "fashion_mnist: lenet5": 1,
        "fashion_mnist: lenet_300_100": 1,
    }  # fmt: skip


def test_the_first_measurement_of_a_baseline_is_the_one_drawn() -> None:
    first = toys.measurement("00", toys.ROWS["00"][0])
    later = page_with(replace(first, latency_ms=9.0))
    points = charts.points_by_dataset([page_with(first), later])["fashion_mnist"]
    assert [point.latency_ms for point in points] == [first.latency_ms]


def test_models_that_differ_are_each_drawn() -> None:
    one = toys.measurement("31", toys.ROWS["31"][1])
    others = [replace(one, **{name: value}) for name, value in [("compressed_bytes", 7), ("technique", "merging")]]
    assert len(charts.points_by_dataset([page_with(one, *others)])["fashion_mnist"]) == 3


def marks(picture: str) -> dict[str, float]:
    """The area in square pixels of each mark of a picture, by the name of its point."""
    areas = {}
    for element in ElementTree.fromstring(picture).iter():
        if "mark" not in (element.get("class") or "").split():
            continue
        if element.get("r"):
            area = math.pi * float(element.get("r")) ** 2
        else:
            corners = [tuple(map(float, pair.split(","))) for pair in element.get("points").split()]
            pairs = zip(corners, corners[1:] + corners[:1], strict=True)
            area = abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2
        areas[element.find("title").text.split(", ")[1].split(" (")[0]] = area
    return areas


@pytest.mark.parametrize("mixed", [False, True])
def test_a_marks_area_is_its_latency(mixed: bool) -> None:
    latencies = {"slow": 8.0, "half": 4.0, "fifth": 1.6, "tenth": 0.8, "instant": 0.001}
    networks = ["a", "b", "c", "d", "d"]
    found = [
        Point(name, "pruning", network, 1000 * (index + 1), 0.9, latency)
        for index, ((name, latency), network) in enumerate(zip(latencies.items(), networks, strict=True))
    ]
    areas = marks(panel("areas", found, mixed=mixed))
    for name in ("half", "fifth", "tenth"):
        assert areas[name] / areas["slow"] == pytest.approx(latencies[name] / latencies["slow"], rel=0.01)
    assert areas["slow"] == pytest.approx(math.pi * LARGEST**2, rel=0.01)
    assert areas["instant"] == pytest.approx(math.pi * SMALLEST**2, rel=0.01)


def test_all_shapes_have_the_same_area() -> None:
    pictures = [f"<svg>{mark('mark', 50, 50, 10, shape, 'a, b')}</svg>" for shape in SHAPES]
    assert [marks(picture)["b"] for picture in pictures] == pytest.approx([math.pi * 100] * len(SHAPES), rel=0.001)


@pytest.mark.parametrize(
    ("share", "width"), [(0.5, 27.5), (1.0, 55.0), (2.5, 82.5), (4.0, 110.0), (9.0, 110.0), (1e-6, 1.5)]
)
def test_the_time_bar_has_two_scales(share: float, width: float) -> None:
    bar = tables.time_bar(page_with(elapsed_s=share * 30, budget_s=30.0))
    assert bar is not None and bar.width == pytest.approx(width) and bar.over == (share > 1)
    text = html.build([page_with(elapsed_s=share * 30, budget_s=30.0)], Path("index.html"))
    drawn = re.findall(r'<rect class="(?:time|over)" y="3" width="([\d.]+)"', text)
    assert drawn == [f"{width:.1f}"] and '<line class="mark" x1="55" x2="55"' in text  # the budget's line


def test_the_time_bar_marks_what_is_over(tmp_path: Path) -> None:
    pages = pages_of(toys.run(tmp_path), tmp_path)
    bars = [tables.time_bar(page) for page in pages]
    assert [bar is not None and bar.over for bar in bars] == [False, False, True, False, False, False, False]
    assert bars[-1] is None
    text = html.build(pages, tmp_path / "index.html")
    assert text.count('class="over"') == 1 and text.count('class="time"') == 5
