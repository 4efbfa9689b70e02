"""The repository's outer rooms: dependencies agree, make does what it says, the files that others read can be read."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import labkit
from labkit.learner import requirements

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = {req.name: req for req in map(Requirement, PROJECT["dependencies"])}
FOR_TESTS = {req.name: req for req in map(Requirement, PROJECT["optional-dependencies"]["test"])}
LOCK = requirements.read_all(ROOT / "requirements.lock")
SYSTEMS = {
    "Linux": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"},
    "macOS": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin", "platform_machine": "arm64"},
    "Windows": {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"},
}
PYTHONS = {"3.11": "3.11.7", "3.12": "3.12.1", "3.13": "3.13.0"}

needs_make = pytest.mark.skipif(shutil.which("make") is None or sys.platform == "win32", reason="there is no make")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def environment(system: str, python: str) -> dict[str, str]:
    implementation = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    return SYSTEMS[system] | implementation | {"python_version": python, "python_full_version": PYTHONS[python]}


def committed() -> list[Path]:
    """The text files that belong to the repository (git's list, and what is new but not ignored)."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8192]]


# --- dependencies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_lock_has_one_version_of_everything_for_each_python_and_system(system, python):
    names = [pin.name for pin in requirements.read(ROOT / "requirements.lock", environment(system, python))]
    assert sorted(set(names)) == sorted(names)
    assert set(DIRECT | FOR_TESTS) <= set(names)


def test_the_lock_lies_within_the_ranges_of_pyproject():
    for pin in LOCK:
        requirement = (DIRECT | FOR_TESTS).get(pin.name)
        if requirement is not None:
            assert pin.version in requirement.specifier, f"{pin.name} {pin.version} is outside {requirement}"
            assert pin.named, f"the lock does not know that {pin.name} is a direct dependency: make lock"
    assert {pin.name for pin in LOCK if pin.named} == set(DIRECT | FOR_TESTS)


def test_every_pin_has_hashes_and_nothing_names_a_host():
    assert [pin.name for pin in LOCK if not pin.hashes] == []
    assert len(LOCK) == len(re.findall(r"(?m)^[\w.-]+==", read("requirements.lock")))
    assert not re.search(r"https?:|--(extra-)?index-url|--find-links| @ ", read("requirements.lock"))


def test_pip_takes_what_uv_locked():
    """uv overlooks an upper bound on Python, pip refuses it: the lines for a machine without make would fail."""
    here = ".".join(map(str, sys.version_info[:3]))
    refused = []
    for pin in requirements.read(ROOT / "requirements.lock"):
        try:
            facts = metadata.metadata(pin.name)
        except metadata.PackageNotFoundError:
            continue
        if facts["Version"] == pin.version and not SpecifierSet(facts.get("Requires-Python") or "").contains(here):
            refused.append(pin.name)
    assert refused == []


def test_the_lock_tells_run_time_from_tests():
    need = {pin.name: pin.need for pin in LOCK}
    assert {name for name, what in need.items() if what == "direct"} == set(DIRECT)
    assert {need[name] for name in ("keras", "attrs", "tornado")} == {"indirect"}
    assert {need[name] for name in ("pytest-xdist", "ruff", "mypy", "hypothesis")} == {"tests"}


def test_environment_yml_has_the_same_pins_each_with_its_reason():
    told = yaml.safe_load(read("environment.yml"))
    *conda, pip = told["dependencies"]
    assert conda == ["python=3.11", "pip"]
    assert pip["pip"][-1] == "-e ."
    pins = dict(line.split("==") for line in pip["pip"][:-1])
    assert list(pins) == sorted(DIRECT)
    locked = {
        pin.name: pin.version for pin in requirements.read(ROOT / "requirements.lock", environment("Linux", "3.11"))
    }
    assert pins == {name: locked[name] for name in DIRECT}
    for line in read("environment.yml").splitlines():
        if re.match(r"\s+- (\w.*==|python=|-e )", line):
            assert re.search(r"\S +# \S.{9,}", line), f"no reason after {line.strip()}"


def test_the_pythons_are_the_same_everywhere():
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    from labkit.learner import doctor

    assert doctor.PYTHONS == ((3, 11), (3, 13))
    assert "(3, 11) <= v <= (3, 13)" in read("Makefile")
    workflow = yaml.safe_load(read(".github/workflows/test.yml"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == list(PYTHONS)
    assert Marker("python_version >= '3.11'").evaluate(environment("Linux", "3.13"))


def test_what_labkit_imports_is_declared():
    """Every package that the code names is a direct dependency, not one that happens to come with another."""
    distributions = metadata.packages_distributions()
    declared = {name.replace("_", "-").lower() for name in DIRECT}
    undeclared = {}
    for path in sorted((ROOT / "labkit").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for top in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"labkit", ""}:
                packages = {package.replace("_", "-").lower() for package in distributions.get(top, [top])}
                if not packages & declared:
                    undeclared[top] = path.name
    assert undeclared == {}


# --- make -----------------------------------------------------------------------------------------------------------


def make(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    words = ("make", "--no-print-directory", *words)
    # `make test` runs this test: what it hands down would make this one a sub-make, which words its errors otherwise.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def toy(tmp_path):
    """A checkout of the files that set-up looks at, without an environment."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def stand_in(folder: Path, version: str, *, venv: bool = True) -> Path:
    """A program that answers as a Python of *version* does when it is asked for its version and for venv."""
    program, code = folder / "python-stand-in", folder / "stand_in.py"
    numbers = ", ".join(version.split("."))
    code.write_text(
        f"import sys\ncode = sys.argv[2]\nsys.version_info = ({numbers})\n"
        f"if sys.argv[1] == '-m':\n    sys.exit('reached venv')\n"
        f"if 'ensurepip' in code:\n    sys.exit({int(not venv)})\nexec(code)\n"
    )
    # A shell script, since the first line of a script takes no path with spaces.
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(code))} "$@"\n')
    program.chmod(0o755)
    return program


@needs_make
@pytest.mark.parametrize("target", ["setup", "run", "lab", "test", "notebooks", "pages", "lock", "clean"])
def test_every_target_is_there(target):
    done = make("-n", target)
    assert done.returncode == 0, done.stderr
    assert f"{target}" in read("Makefile").partition("\n\n")[2].partition(".PHONY:")[2].splitlines()[0]


@needs_make
@pytest.mark.parametrize("version", ["3.8.18", "3.10.13", "3.14.0"])
def test_a_python_too_old_or_too_new_is_refused_by_one_sentence(toy, version):
    done = make("setup", f"PYTHON={stand_in(toy, version)}", folder=toy)
    assert done.returncode != 0
    sentence, *rest = done.stderr.splitlines()
    minor = version.rpartition(".")[0]
    assert sentence.startswith(f"This is Python {minor}; the course runs on 3.11 to 3.13: install one of them")
    assert all(line.startswith("make: ***") for line in rest)
    assert not (toy / ".venv").exists()


@needs_make
@pytest.mark.parametrize("version", ["3.11.0", "3.12.9", "3.13.1"])
def test_a_python_in_the_range_goes_on(toy, version):
    assert "reached venv" in make("setup", f"PYTHON={stand_in(toy, version)}", folder=toy).stderr


@needs_make
def test_a_python_without_venv_is_told_what_to_install(toy):
    done = make("setup", f"PYTHON={stand_in(toy, '3.11.7', venv=False)}", folder=toy)
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stdout + done.stderr
    assert not (toy / ".venv").exists()


@needs_make
def test_a_python_that_is_not_there_is_one_sentence(toy):
    done = make("setup", f"PYTHON={toy / 'no-such-python'}", folder=toy)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not (toy / ".venv").exists()


@needs_make
def test_set_up_is_repeated_only_when_the_lock_or_the_declaration_changed(toy):
    installed = toy / ".venv" / "installed"
    installed.parent.mkdir()
    installed.touch()

    def repeated_when_newer(name: str) -> bool:
        for path in (toy / "Makefile", toy / "requirements.lock", toy / "pyproject.toml", installed):
            os.utime(path, (1_000_000, 1_000_000))
        os.utime(toy / name, (1_000_010, 1_000_010))
        return make("-q", ".venv/installed", folder=toy).returncode == 1

    assert repeated_when_newer("requirements.lock")
    assert repeated_when_newer("pyproject.toml")
    assert not repeated_when_newer(".venv/installed")
    assert not repeated_when_newer("Makefile")


@needs_make
def test_ci_runs_make_test():
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    lines = [line.strip() for line in read(".ci/run").splitlines() if line.strip() and not line.startswith("#")]
    assert lines[-1] == "exec make test"
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=False).returncode == 0


# --- what others read -----------------------------------------------------------------------------------------------


def test_the_version_is_the_same_everywhere():
    version = PROJECT["version"]
    assert labkit.__version__ == version
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == version
    latest = re.search(r"(?m)^## (\S+) \((\d{4}-\d\d-\d\d)\)$", read("CHANGELOG.md"))
    assert latest is not None
    assert (latest[1], latest[2]) == (version, str(citation["date-released"]))


def test_citation_has_what_the_format_asks_for():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == PROJECT["license"] == "Apache-2.0"


def test_licence_is_whole():
    text = read("LICENSE")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_workflow_runs_three_systems_and_three_pythons_as_the_readme_says():
    workflow = yaml.safe_load(read(".github/workflows/test.yml"))
    job = workflow["jobs"]["test"]
    assert len(job["strategy"]["matrix"]["system"]) == 3
    steps = "\n".join(step.get("run", "") for step in job["steps"])
    assert "make test" in steps
    for line in three_lines()[1:]:
        assert line in steps
    assert not [step for step in job["steps"] if "uses" in step and "@" not in step["uses"]]


def test_pre_commit_downloads_nothing():
    told = yaml.safe_load(read(".pre-commit-config.yaml"))
    hooks = [hook for repository in told["repos"] for hook in repository["hooks"]]
    assert {repository["repo"] for repository in told["repos"]} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert {"ruff-check", "mypy", "build"} <= {hook["id"] for hook in hooks}


def three_lines() -> list[str]:
    block = re.search(r"```bat\n(.*?)```", read("README.md"), re.DOTALL)
    assert block is not None
    return block[1].splitlines()


def test_the_readme_gives_three_lines_for_a_machine_without_make():
    venv, install, package = three_lines()
    assert venv == "py -3.11 -m venv .venv"
    assert "--require-hashes -r requirements.lock" in install
    assert package.endswith("--no-deps --no-build-isolation -e .")


def test_the_readme_has_what_a_newcomer_looks_for():
    text = read("README.md")
    for wanted in ("make run", "make lab", "labkit run 31 -p sparsity=0.95", "docs/troubleshooting.md", "CITATION.cff"):
        assert wanted in text
    for python in PYTHONS:
        assert python in text
    assert text.count("<!-- course table: begin -->") == text.count("<!-- course table: end -->") == 1


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))])  # fmt: skip
def test_links_between_documents_lead_somewhere(name):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", read(name), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"\w+:", target):
            continue
        place = (ROOT / name).parent / path if path else ROOT / name
        if place.suffix == ".png" and not place.exists():
            pytest.skip(f"{place.name} is not drawn yet")
        assert place.exists(), f"{name} links to {target}"
        if anchor:
            assert anchor in anchors(place), f"{name} links to {target}"


def anchors(path: Path) -> set[str]:
    """The anchors that a Markdown file's headings have, both as GitHub and as JupyterLab form them here."""
    headings = re.findall(r"(?m)^#+ (.+)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_glossary_gives_both_languages_in_order():
    entries = re.findall(r"(?m)^### (.+)\n\n中文 \*\*(.+?)\*\*.*\n\n(.+)\n", read("docs/glossary.md"))
    names = [name for name, _, _ in entries]
    assert len(names) == read("docs/glossary.md").count("### ") == len(set(names))
    assert names == sorted(names, key=str.lower)
    assert all(sentence.endswith(".") for _, _, sentence in entries)


def test_no_file_knows_the_machine_it_was_written_on():
    """No absolute path of a home or a scratch folder, and no package registry, in any text that is committed."""
    folders = "|".join(["work", "root", "tmp", "home/[a-z]+", "Users/[A-Za-z]+"])
    path_of_a_machine = re.compile(rf"(?<![\w./~$}}>)\]-])/(?:{folders})/[\w.]")
    registry = re.compile(r"pypi\.org|pythonhosted|index-url|anaconda\.(org|com)", re.IGNORECASE)
    found = []
    for path in committed():
        if path.is_relative_to(ROOT / "tests"):  # where such paths are given as what must be found
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if path_of_a_machine.search(line) or registry.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []
