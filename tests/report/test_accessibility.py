"""axe-core finds nothing on the report and on a notebook's page, in a light and in a dark theme, wide and narrow."""

from __future__ import annotations

from pathlib import Path

import axe
import pytest
import report_toys as toys

from labkit.report import html, stored
from labkit.report.export import export

pytestmark = [
    pytest.mark.skipif(axe.chromium() is None, reason="Chromium is not installed"),
    pytest.mark.skipif(axe.axe_core() is None, reason="axe-core is not there: .ci/run fetches it with npm"),
]
SOURCE = """import numpy as np

@np.vectorize
def halved(value: float, /, *, by: int = 2) -> float:  # a comment
    \"\"\"Return half of it.\"\"\"
    return value / by if value is not None and value > 1.5e-3 else float("nan")
"""
TEXT = """# 31 · Magnitude pruning

Why? Because of $E = mc^2$ and `code`; see [a page](https://example.org).

| This lesson | |
|:---|:---|
| **Time** | 55 minutes |

$$\\sum_{i=1}^{n} \\frac{x_i^2}{2}$$

<details><summary>Hint 1</summary>

Sort the sizes.

</details>
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A fast run's report with stored figures, and one of its pages."""
    folder = tmp_path_factory.mktemp("build")
    outcomes = toys.run(folder / "runs", "fast")
    toys.run(folder / "solved")
    path = outcomes[1].job.paths(folder / "runs")[0]
    toys.add_cells(path, [TEXT], SOURCE + "x = '" + "long " * 30 + "'", ["plain " * 40])
    report = folder / "report" / "index.html"
    assert export(outcomes, folder / "runs", report) == []
    html.write(stored.beside(html.pages_of(outcomes, folder / "runs"), folder / "solved" / "full"), report)
    return {"report": report.read_text(), "page": path.with_suffix(".html").read_text()}


@pytest.mark.parametrize("width", [1300, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "page"])
def test_axe_finds_nothing(pages: dict[str, str], tmp_path: Path, name: str, scheme: str, width: int) -> None:
    assert axe.violations(pages[name], tmp_path, scheme, width) == []


def test_axe_would_find_something(tmp_path: Path) -> None:
    head = '<!DOCTYPE html><html lang="en"><head><title>x</title></head>'
    page = f'{head}<body><main><h1>x</h1><p>y</p><img src="data:,"></main></body>'
    assert [one["id"] for one in axe.violations(page, tmp_path, "light")] == ["image-alt"]
