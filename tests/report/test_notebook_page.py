"""The HTML page of an executed notebook: complete, offline, without scripts, and only of notebooks that ran here."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import unescape
from pathlib import Path

import pytest
import report_toys as toys
from contrast import contrast

from labkit.report import fragments, html, markdown, stored, style
from labkit.report.export import export
from labkit.report.notebook_page import About, Place, convert
from labkit.session.events import MIME

LONG = "x = [" + "1, " * 40 + "]"


def line(text: str) -> dict:
    """The output of a claim that is one line."""
    record = toys.claim("31", "held").to_dict()
    data = {MIME: record, "text/html": f'<div class="labkit-line" style="margin: 0">✓ {text}</div>', "text/plain": text}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def shown(**data: str) -> dict:
    """An output with *data* by MIME type, its slash written as two underscores."""
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {name.replace("__", "/"): value for name, value in data.items()},
    }


def page_of(folder: Path, cells: list[dict], siblings: set[str] = frozenset()) -> str:
    """The page of a notebook with *cells*."""
    path = folder / "course" / "runs" / "31_x.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    for index, cell in enumerate(cells):
        cell |= {"id": f"c{index}", "metadata": cell.get("metadata", {})}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    origin = folder / "course" / "notebooks" / "solved"
    place = Place(path.with_suffix(".html"), folder / "report" / "index.html", origin, siblings)
    return convert(path, place, About("31 · Pruning", [("profile", "fast")], rough=True))


def text(source: str) -> dict:
    return {"cell_type": "markdown", "source": source}


def code(source: str, *outputs: dict, **metadata: object) -> dict:
    return {
        "cell_type": "code",
        "source": source,
        "metadata": metadata,
        "outputs": list(outputs),
        "execution_count": 1,
    }


def test_a_page_is_whole_and_stands_alone(tmp_path: Path) -> None:
    page = page_of(tmp_path, [text("# 31 · Title\n\nWords."), code("1 + 1", shown(text__plain="2")), text("# Again")])
    assert page.startswith("<!DOCTYPE html>") and '<html lang="en">' in page and "<title>31 · Pruning</title>" in page
    assert page.count("<h1") == 1 and '<h2 id="again">' in page
    for landmark in ("<header>", "<nav ", "<main>", "<footer>"):
        assert page.count(landmark) == 1
    assert "<script" not in page and "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    policy = unescape(re.findall(r'Policy" content="([^"]*)"', page)[0])
    sheet = re.findall("<style>(.*?)</style>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(sheet[0].encode()).digest()).decode()
    assert len(sheet) == 1 and f"style-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert not re.search(r"<[^>]+ (style|on\w+)=", page.split("</style>")[1])
    assert 'href="../../report/index.html"' in page and 'href="31_x.ipynb"' in page


def test_a_page_without_a_heading_gets_one(tmp_path: Path) -> None:
    assert "<h1>31 · Pruning</h1>" in page_of(tmp_path, [text("Words.")])


def test_formulas_are_mathml_in_cells_and_in_outputs(tmp_path: Path) -> None:
    output = shown(text__markdown="It costs $x_1$.", text__plain="")
    page = page_of(tmp_path, [text("Let $a < b$.\n\n$$\\sum_{i=1}^n \\frac{x_i}{2}$$"), code("lab.say(t)", output)])
    assert page.count("<math") == page.count("</math>") == 3 and page.count('display="block"') == 1
    assert "<msub>" in page and "<mfrac>" in page and "$" not in page.split("<main>")[1]


def test_a_formula_that_cannot_be_read_shows_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise ValueError

    monkeypatch.setattr("latex2mathml.converter.convert", refuse)
    assert markdown.formula(" a < b ", display="inline") == '<code class="tex">a &lt; b</code>'


def test_claims_in_a_row_are_one_list(tmp_path: Path) -> None:
    page = page_of(tmp_path, [code("c()", line("one"), line("two"), shown(text__html="<p>x</p>"), line("three"))])
    assert (
        '<ul class="claims"><li>✓ one</li><li>✓ two</li></ul><p>x</p><ul class="claims"><li>✓ three</li></ul>' in page
    )


@pytest.mark.parametrize("metadata", [{"tags": ["hide-input"]}, {"jupyter": {"source_hidden": True}}])
def test_hidden_code_is_folded_away(tmp_path: Path, metadata: dict) -> None:
    page = page_of(tmp_path, [code("lab.say('x')", **metadata), code("y = 1")])
    assert page.count("<details><summary>Show the code</summary><pre") == 1 and page.count("<pre") == 2


def test_only_code_that_scrolls_can_have_the_focus(tmp_path: Path) -> None:
    page = page_of(tmp_path, [code("x = 1"), code(LONG)])
    assert page.count('<pre class="code">') == 1 and page.count('<pre class="code wide" tabindex="0">') == 1


def test_figures_keep_their_alt_text_and_tables_scroll(tmp_path: Path) -> None:
    image = '<img alt="Two lines &amp; a dot" width="672" src="data:image/png;base64,AAAA">'
    page = page_of(tmp_path, [text("| a | |\n|:--|:--|\n| b | c |"), code("f()", shown(text__html=image))])
    assert 'alt="Two lines &amp; a dot"' in page and 'src="data:image/png;base64,AAAA"' in page
    assert '<div class="scroll" role="region" tabindex="0" aria-label="Table 1"><table>' in page
    assert "<th></th>" not in page and "<td></td>" in page


EVIL = [
    "<script>alert(1)</script>",
    '<img src="x" onerror="alert(1)">',
    '<a href="javascript:alert(1)">x</a>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<svg onload="alert(1)"><script>alert(1)</script></svg>',
    '</main><base href="//evil"><form action="//evil"><input></form>',
    '<p style="x" onclick="alert(1)">x</p>',
    '<math href="javascript:alert(1)"><mi xlink:href="javascript:alert(1)">x</mi></math>',
]


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_that_runs_comes_through(tmp_path: Path, evil: str) -> None:
    outputs = [
        shown(text__html=evil),
        shown(text__markdown=evil, text__plain=""),
        shown(text__plain=evil),
        {"output_type": "stream", "name": "stdout", "text": evil},
        {"output_type": "error", "ename": evil, "evalue": evil, "traceback": [evil]},
        shown(application__javascript="alert(1)"),
    ]
    page = page_of(tmp_path, [text(evil), text(f"$${evil}$$ and ${evil}$"), code(evil, *outputs)])
    body = page.split("<main>")[1]
    assert not re.search(r"<(script|iframe|svg|base|form|input|object|style)\b", body)
    assert not re.search(r"<[^>]*\s(on\w+|style|srcdoc|action)=", body)
    assert not re.search(r'<[^>]*href="\s*javascript', body) and page.count("</main>") == 1


def test_links_lead_to_places_that_exist(tmp_path: Path) -> None:
    course = tmp_path / "course"
    (course / "docs").mkdir(parents=True)
    (course / "docs" / "glossary.md").write_text("x")
    (tmp_path / "outside.md").write_text("x")
    links = {
        "30_y.ipynb#idea": "30_y.html#idea",
        "../../docs/glossary.md#mask": "../docs/glossary.md#mask",
        "https://arxiv.org/abs/1": "https://arxiv.org/abs/1",
        "#here": "#here",
        "33_not_run.ipynb": "",
        "../../docs/none.md": "",
        "../../../outside.md": "",
    }
    cells = [text(f"[a]({target})") for target in links]
    body = page_of(tmp_path, cells, {"30_y", "31_x"}).split("<main>")[1].split("</main>")[0]
    assert re.findall('href="([^"]*)"', body) == [address for address in links.values() if address]


def test_elements_that_stay_open_are_closed() -> None:
    out = fragments.cleaned("<p>a<b>b</i><table><tr><th>c", fragments.Regions(), str)
    assert out.endswith("<th>c</th></tr></table></div></b></p>") and "</i>" not in out


def test_colours_have_the_contrast_that_wcag_asks_for() -> None:
    themes = [dict(re.findall(r"--(\w+): (#\w+);", block)) for block in style.page_sheet().split(":root {")[1:]]
    assert len(themes) == 3  # light, dark, paper
    for theme in themes:
        for ground in ("paper", "band"):
            for name in ("ink", "soft", "ok", "bad", "warn", "link", "keyword", "string", "comment", "number", "name"):
                assert contrast(theme[name], theme[ground]) >= 4.5, (name, ground)


def test_a_run_links_the_pages_that_it_wrote_and_a_foreign_folder_none(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    outcomes = toys.run(runs)
    report = tmp_path / "report" / "index.html"
    assert export(outcomes, runs, report) == []
    assert len(list(runs.rglob("*.html"))) == 6  # one was not run
    own = html.build(html.pages_of(outcomes, runs), report)
    assert '<a href="../runs/full/31_magnitude_pruning.html">' in own
    assert ".html" in html.build(html.pages_in([runs], own=True), report).split("<main>")[1]
    foreign = html.build(html.pages_in([runs]), report).split("<main>")[1]
    assert '.html"' not in foreign and '<a href="../runs/full/31_magnitude_pruning.ipynb">' in foreign


def test_a_notebook_that_cannot_be_converted_costs_its_page_alone(tmp_path: Path) -> None:
    outcomes = toys.run(tmp_path)
    notebook = outcomes[0].job.paths(tmp_path)[0]
    notebook.with_suffix(".html").write_text("of an older run")
    notebook.write_text("{")
    remarks = export(outcomes, tmp_path, tmp_path / "index.html")
    assert len(remarks) == 1 and remarks[0].startswith(f"No HTML page of {notebook.name}: ")
    assert not notebook.with_suffix(".html").exists() and len(list(tmp_path.rglob("*.html"))) == 5


# The stored full run beside a fast one


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The main part of a fast run's report, with a full run stored."""
    folder = tmp_path_factory.mktemp("fast")
    outcomes = [one for one in toys.run(folder / "runs", "fast") if not one.job.parameters]
    toys.run(folder / "stored")
    path = folder / "stored" / "full" / "31_magnitude_pruning.ipynb"
    full = json.loads(path.read_text())
    for cell in full["cells"]:
        record = cell["outputs"][0]["data"][MIME]
        if record.get("name") == "pruned 95 %":
            record |= {"accuracy": 0.8999, "accuracy_low": 0.894, "accuracy_high": 0.9058, "compressed_bytes": 77_777}
        if record["kind"] == "claim":
            record |= {"asserted": True, "value": 0.9, "relation": "≥ 88.00 %"}
    path.write_text(json.dumps(full))
    pages = stored.beside(html.pages_of(outcomes, folder / "runs"), folder / "stored" / "full")
    return html.build(pages, folder / "index.html").replace("\N{NARROW NO-BREAK SPACE}", ",")


def test_a_rough_figure_has_the_stored_one_beside_it(fast: str) -> None:
    row = re.findall(r'<tr><th scope="row">pruned 95 %.*?</tr>', fast, re.S)[0]
    words = re.sub("<[^>]+>", "", row)
    assert "89.99 % ± 0.59, n 10,000 here 88.93 % ± 0.61" in words and "77,777 here 78,230" in words
    assert "course's own full run (2026-01-02, labkit 0.1.0)" in fast


def test_charts_of_a_fast_run_show_the_stored_run_and_say_so(fast: str) -> None:
    section = fast.split('id="pareto"')[1].split("</section>")[0]
    assert "Drawn from the stored full run (2026-01-02, labkit 0.1.0)" in section
    assert "pruned 95 % (pruning): 89.99 %" in section and "88.93 %" not in section


def test_a_claim_that_is_not_required_here_has_held_in_the_stored_run(fast: str) -> None:
    cards = fast.split("<main>")[0]
    assert "<span>claims held here<" in cards and "<span>more held in the stored full run<" in cards
    assert cards.index("claims held here") < cards.index("more held")
    section = fast.split('id="claims"')[1]
    assert "✓ held here" in section and "✓ held in the stored full run" in section
    assert re.search(r"held in the stored full run</span></td>\s*<td[^>]*>90.00 %.*?≥ 88.00 %", section, re.S)


def test_any_other_run_is_drawn_from_its_own_figures(tmp_path: Path) -> None:
    outcomes = toys.run(tmp_path / "runs", "full")
    toys.run(tmp_path / "stored")
    pages = stored.beside(html.pages_of(outcomes, tmp_path / "runs"), tmp_path / "stored" / "full")
    assert not any(page.stored for page in pages)
    assert "stored" not in html.build(pages, tmp_path / "index.html").split("<main>")[1]
    sweep = [one for one in toys.run(tmp_path / "sweep", "fast") if one.job.parameters]
    pages = stored.beside(html.pages_of(sweep, tmp_path / "sweep"), tmp_path / "stored" / "full")
    assert not any(page.stored for page in pages)


def test_stored_pages_that_are_missing_or_broken_leave_the_run_as_it_is(tmp_path: Path) -> None:
    outcomes = toys.run(tmp_path / "runs", "fast")
    (tmp_path / "31_broken.ipynb").write_text("{")
    pages = stored.beside(html.pages_of(outcomes, tmp_path / "runs"), tmp_path)
    assert not any(page.stored for page in pages)
    assert "claims held<" in html.build(pages, tmp_path / "index.html")
