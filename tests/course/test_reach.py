"""labkit.course.reach: the modules behind a lesson, by imports, and a digest that moves when one of them does."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from labkit.base import source
from labkit.course import reach


@pytest.fixture
def lesson(toys, edit):
    package = toys.package
    files = {
        "__init__.py": "def __getattr__(name):\n    from toykit.page import start\n    return start\n",
        "page.py": "from toykit.deep import lower\n",
        "deep/__init__.py": "",
        "deep/lower.py": "from . import beside\nimport numpy\n",
        "deep/beside.py": 'def f():\n    """Doc."""\n    return 1\n',
        "unused.py": "x = 1\n",
        "other/__init__.py": "",
        "other/thing.py": "",
        "exercises/__init__.py": "",
    }
    for name, text in files.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(text)
    path = toys.add("31")
    edit(
        path,
        "import sys",
        "import sys\nimport numpy as np\nfrom toykit import start\nfrom toykit.other.thing import name",
    )
    return source.read(path)


def test_modules_are_followed_through_functions_packages_and_relative_imports(toys, lesson):
    assert reach.modules(lesson, toys.package) == [
        "toykit",
        "toykit.deep",
        "toykit.deep.beside",
        "toykit.deep.lower",
        "toykit.exercises",
        "toykit.exercises.lesson31",
        "toykit.other",
        "toykit.other.thing",
        "toykit.page",
    ]


def test_a_package_of_lazy_names_counts_as_what_is_asked_of_it(toys, lesson, edit):
    (toys.package / "lazy").mkdir()
    for name, text in {
        "__init__": '_WHERE = {"train": "training"}\n',
        "training": "",
        "prune": "",
        "unasked": "",
    }.items():
        (toys.package / "lazy" / f"{name}.py").write_text(text)
    edit(
        lesson.path, "from toykit import start", "from toykit import start, lazy as z\n\n# %%\nz.prune.mask, z.train(1)"
    )
    reached = {name for name in reach.modules(source.read(lesson.path), toys.package) if ".lazy" in name}
    assert reached == {"toykit.lazy", "toykit.lazy.prune", "toykit.lazy.training"}


def _write(path, text):
    path.write_text(text)
    os.utime(path, ns=(path.stat().st_mtime_ns + 10**9,) * 2)


def test_the_digest_moves_with_reached_code_only(toys, lesson):
    first = reach.digest(lesson, toys.package, toys.root)
    _write(toys.package / "unused.py", "x = 2\n")
    _write(toys.package / "deep/beside.py", 'def f():\n    """Other words."""\n    # why\n    return 1\n')
    assert reach.digest(lesson, toys.package, toys.root) == first
    _write(toys.package / "deep/beside.py", "def f():\n    return 2\n")
    assert reach.digest(lesson, toys.package, toys.root) != first


def test_the_digest_moves_with_the_card_of_a_model_that_the_code_names(toys, lesson, edit):
    card = toys.root / "data" / "models" / "toyset" / "lenet.json"
    card.parent.mkdir(parents=True)
    card.write_text("{}")
    plain = reach.digest(lesson, toys.package, toys.root)
    edit(lesson.path, "import sys", 'import sys\nnetwork = "lenet"')
    named = source.read(lesson.path)
    first = reach.digest(named, toys.package, toys.root)
    card.write_text('{"sha256": "1"}')
    assert reach.digest(named, toys.package, toys.root) != first
    assert reach.digest(lesson, toys.package, toys.root) == plain


def test_what_python_loads_of_labkit_is_reached(toys, edit):
    path = toys.add("31")
    edit(path, "import sys", "from labkit.course import editions")
    reached = set(reach.modules(source.read(path)))
    code = "import sys, labkit.course.editions; print([m for m in sys.modules if m.split('.')[0] == 'labkit'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(ast.literal_eval(done.stdout)) <= reached
