"""data/published.toml: the figures are read by network, and a wrong file is refused in one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labkit.assets import published
from labkit.base.errors import LabkitError
from labkit.lesson import source

FIGURE = '[[figure]]\nid = "a"\npublished = "p"\nsource = "s"\n'


def test_lessons_take_layers_points_and_goals_by_network() -> None:
    assert published.LAYERS["lenet_300_100"]["dense_2/kernel"] == (0.09, 0.0304)
    assert published.LAYERS["lenet5"]["conv_1/kernel"].kept == 0.66
    assert [point.who for point in published.LADDER["lenet5"]] == [
        "Han 2016", "Ullrich 2017", "Oktay 2020", "MIRACLE again", "Havasi 2019", "MIRACLE again",
    ]  # fmt: skip
    assert published.LADDER["lenet_300_100"][0] == ("Han 2016", "arXiv:1510.00149", 40, 0.0158)
    assert published.ASKED == {"lenet_300_100": (40, 240, 0.0165), "lenet5": (39, 250, 0.0097)}
    with pytest.raises(AttributeError, match="STAIRS"):
        published.STAIRS  # noqa: B018


def test_the_words_of_a_figure_have_its_numbers() -> None:
    for figure in published.figures():
        if figure.ratio is not None and figure.error is not None:
            assert f"{figure.ratio:,.0f} times" in figure.published
            error = f"{100 * figure.error:.2f}".rstrip("0")
            assert f"{error} %" in figure.published or f"{error}0 %" in figure.published


def test_every_figure_of_the_course_names_its_conditions_and_its_rival() -> None:
    for figure in published.figures():
        assert figure.conditions, f"{figure.id} names no conditions"
        assert figure.rival, f"{figure.id} names no rival"


def test_the_rivals_of_a_network_are_no_weaker_than_the_figure() -> None:
    for figure in published.figures():
        ratio = re.search(r"([\d,]+) times", figure.rival.get("published", ""))
        if figure.ratio is not None and ratio:
            assert float(ratio[1].replace(",", "")) > figure.ratio, figure.id


def test_conditions_and_rival_are_read(tmp_path: Path) -> None:
    path = tmp_path / "published.toml"
    path.write_text(FIGURE + 'conditions = { teacher = "none" }\nrival = { published = "r", source = "t" }\n')
    (figure,), _ = published.read(path)
    assert figure.conditions == {"teacher": "none"} and figure.rival == {"published": "r", "source": "t"}


def test_defaults_of_a_figure(tmp_path: Path) -> None:
    path = tmp_path / "published.toml"
    path.write_text(FIGURE)
    figures, goals = published.read(path)
    assert figures[0].conditions == {} and figures[0].rival == {}
    assert figures[0].lesson == "" and figures[0].ratio is None and figures[0].seeds == (1, 2, 3) and goals == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("figure = 5", "no list of"),
        ("[[figure]\n", "cannot be read"),
        ("figure = [5]", "not a JSON object"),
        ('[[figure]]\nid = "a"\npublished = "p"\n', "no field 'source'"),
        (FIGURE + 'colour = "red"\n', "unknown field 'colour'"),
        (FIGURE.replace('"a"', '"A b"'), "needs an id of small letters"),
        (FIGURE.replace('"p"', '""'), "needs both 'published' and 'source'"),
        (FIGURE.replace('"s"', "7"), "'source' of a published figure 'a' has a value of the wrong type"),
        (FIGURE + FIGURE, "two figures with the id 'a'"),
        (FIGURE + 'lesson = "31"\n', "needs both 'lesson' and 'claims'"),
        (FIGURE + 'lesson = "31"\nclaims = ["30.loss"]\n', "a claim that is not of lesson 31"),
        (FIGURE + 'lesson = "31"\nclaims = ["31.loss", "31.loss"]\n', "a claim twice"),
        (FIGURE + "seeds = []\n", "different seeds"),
        (FIGURE + "seeds = [1, 1]\n", "different seeds"),
        (FIGURE + "seeds = [-1]\n", "different seeds"),
        (FIGURE + "ratio = 0\n", "ratio that is not positive"),
        (FIGURE + "ratio = nan\n", "'ratio'"),
        (FIGURE + "error = 1.58\n", "error that is not between 0 and 1"),
        (FIGURE + 'who = "w"\n', "needs 'network', 'ratio' and 'error'"),
        (FIGURE + "[figure.layers]\nx = { kept = 0.5 }\n", "a layer without exactly"),
        (FIGURE + 'conditions = { weather = "fine" }\n', "unknown condition 'weather'"),
        (FIGURE + 'conditions = { teacher = " " }\n', "without words"),
        (FIGURE + 'network = "n"\nconditions = { teacher = "none" }\n', "needs the condition 'augmentation'"),
        (FIGURE + 'rival = { published = "r" }\n', "needs a rival with 'published' and 'source'"),
        (FIGURE + 'rival = { none = "" }\n', "without words"),
        (FIGURE + 'rival = { none = "exact", source = "s" }\n', "needs a rival"),
        (FIGURE + '[goals.lenet5]\nalone = "b"\ntaught_ratio = 2\ntaught_error = 0.1\n', "not a figure with a ratio"),
        (FIGURE + '[goals.lenet5]\nalone = "a"\n', "no field 'taught_ratio'"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "published.toml"
    path.write_text(text)
    with pytest.raises(LabkitError) as refusal:
        published.read(path)
    assert reason in str(refusal.value)


HEADER = "needs: []\n#     published: [{id: b, published: p, source: s, claims: [31.size], seeds: [2]}]"


def test_a_lesson_may_have_its_figures_in_its_header(toys, edit) -> None:  # type: ignore[no-untyped-def]
    edit(toys.add("31"), "needs: []", HEADER)
    figures = published.with_headers(published.figures()[:1], source.lessons(toys.notebooks))
    assert len(figures) == 2
    added = figures[1]
    assert (added.id, added.lesson, added.claims, added.seeds) == ("b", "31", ("31.size",), (2,))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("31.size", "32.size", "a claim that is not of lesson 31"),
        ("id: b", "id: lloyd-max", "31_toys.py: there is another figure with the id 'lloyd-max'"),
        ("source: s, ", "", "no field 'source'"),
        ("seeds: [2]", "sed: 2", "unknown field 'sed'"),
    ],
)
def test_a_wrong_figure_in_a_header_is_refused(toys, edit, old, new, reason) -> None:  # type: ignore[no-untyped-def]
    edit(toys.add("31"), "needs: []", HEADER.replace(old, new))
    with pytest.raises(LabkitError, match=reason):
        published.with_headers(published.figures(), source.lessons(toys.notebooks))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabkitError, match="cannot be read"):
        published.read(tmp_path / "published.toml")
