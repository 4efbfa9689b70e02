"""On which kernels the notebooks run: under nbval, most of them share one start of TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator

import hypothesis
import pytest

# No example has to be made or to end within a given time: other work on the machine is no fault of the code.
hypothesis.settings.register_profile("labkit", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("labkit")

EDITIONS = 2  # solved by nbval, student by test_notebooks.py


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--every-lesson``: compare kernels on all of the course, not on toys alone."""
    parser.addoption("--every-lesson", action="store_true", help="run every lesson cold and warm, and compare the two")


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """While the notebooks are tested, a server of warm kernels runs, which xdist's workers find by their variables."""
    from labkit.base import source
    from labkit.course import kernels, serving

    wanted = False
    nbval = config.getoption("nbval_lax", False) or config.getoption("nbval", False)
    if nbval and not config.getoption("collectonly"):
        course = source.lessons()
        counts = Counter({lesson.number: EDITIONS for lesson in course})
        wanted = serving.WARM in kernels.choose(kernels.check(), course, counts).values()
    with serving.serving(wanted):
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name in each lesson's notebook, as nbval has read it, the kernel that the lesson is to run on."""
    from labkit.base import source
    from labkit.course import kernels

    pages = {page.path.stem: page for item in items if hasattr(page := item.parent, "nb")}
    course = [lesson for lesson in source.lessons() if lesson.name in pages] if pages else []
    chosen = kernels.choose(kernels.check(), course, Counter()) if course else {}
    for lesson in course:
        pages[lesson.name].nb.metadata["kernelspec"]["name"] = chosen[lesson.number]
