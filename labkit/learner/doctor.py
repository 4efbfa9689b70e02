"""Find what is wrong with an installation and how to fix it: one finding per check, without importing TensorFlow."""

from __future__ import annotations

import html
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from labkit.base import legacy, places
from labkit.base.errors import LabkitError
from labkit.learner import requirements

PYTHONS = ((3, 11), (3, 13))
ROOM = 2**30  # bytes: the notebooks, the report and the caches of a full run take less
_SHOWN = ("ai-edge-litert", "numpy", "tensorflow", "tensorflow-model-optimization", "tf-keras")
_SETUP = "run 'make setup' (without make: the three lines in README.md)"


@dataclass(frozen=True)
class Finding:
    """One check: ``ok`` or not, ``what`` it saw, and the ``remedy`` when it is not ok.

    ``absent`` marks an optional part that is not installed: nothing is wrong, and nothing was verified.
    """

    ok: bool
    what: str
    remedy: str = ""
    absent: bool = False

    @property
    def sign(self) -> str:
        """Return ✓ for a check that passed, ✗ for one that failed, – for an optional part that is absent."""
        if self.absent:
            return "–"
        return "✓" if self.ok else "✗"

    def __str__(self) -> str:
        return f"{self.sign} {self.what}" if self.ok else f"{self.sign} {self.what}: {self.remedy}"


class Findings(list[Finding]):
    """Findings that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{finding.sign}</td><td style='text-align:left'>{html.escape(finding.what)}</td>"
            f"<td style='text-align:left'>{html.escape(finding.remedy)}</td></tr>"
            for finding in self
        )
        return f"<table><thead><tr><th></th><th>found</th><th>remedy</th></tr></thead><tbody>{rows}</tbody></table>"

    def __repr__(self) -> str:
        return "\n".join(map(str, self))


def doctor() -> Findings:
    """Return the findings of every check, in order; a check that breaks down is a finding itself."""
    checks: tuple[Callable[[], Iterable[Finding]], ...] = (
        python, packages, keras2, data, litert, folders, kernel, disk
    )  # fmt: skip
    found = Findings()
    for check in checks:
        try:
            found.extend(check())
        except LabkitError as error:
            if (finding := _from_error(error)) not in found:  # several checks stop where there is no course
                found.append(finding)
        except Exception as error:
            found.append(Finding(False, f"{check.__name__}: {type(error).__name__}: {error}", _SETUP))
    return found


def python() -> Iterator[Finding]:
    """Check that the course runs on this Python's version."""
    low, high = (".".join(map(str, version)) for version in PYTHONS)
    here = ".".join(map(str, sys.version_info[:3]))
    ok = PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]
    yield Finding(ok, f"Python {here}", "" if ok else f"install Python {low} to {high}, then {_SETUP}")


def packages() -> Iterator[Finding]:
    """Check that each direct dependency has the lock's version, and that their own dependencies are installed."""
    pins = requirements.read(places.course() / "requirements.lock")
    direct = [pin for pin in pins if pin.need == "direct"]
    wrong = [pin for pin in direct if installed(pin.name) != pin.version]
    for pin in wrong:
        yield Finding(False, f"{pin.name} {installed(pin.name) or 'is missing'}, the lock has {pin.version}", _SETUP)
    if not wrong:
        shown = ", ".join(f"{pin.name} {pin.version}" for pin in direct if pin.name in _SHOWN)
        yield Finding(True, f"{len(direct)} packages at the lock's versions, among them {shown}")
    others = {pin.name: (pin.version, installed(pin.name)) for pin in pins if pin.need == "indirect"}
    absent = [name for name, (_, found) in others.items() if found is None]
    moved = [name for name, (locked, found) in others.items() if found not in (None, locked)]
    what = f"{len(others)} packages that those need"
    if absent:
        yield Finding(False, f"{what}, of which {_some(absent)} missing", _SETUP)
    elif moved:  # as conda and `pip install .` leave them: allowed, and worth knowing when a figure differs
        yield Finding(True, f"{what}, of which {_some(moved)} at another version than the lock's")
    else:
        yield Finding(True, f"{what}, at the lock's versions")


def keras2() -> Iterator[Finding]:
    """Check that TensorFlow is set to use Keras 2, and has not chosen Keras 3 already."""
    legacy.use_keras2()
    yield Finding(True, f"Keras 2 is selected ({legacy.VARIABLE}={os.environ[legacy.VARIABLE]})")


def data() -> Iterator[Finding]:
    """Check each data set's files and checksums; only the first, every lesson's default, is required."""
    from labkit.assets import data as sets
    from labkit.assets import registry

    for number, name in enumerate(registry.names()):
        entry = registry.entry(name)
        try:
            found = [sets.look(entry, file) for file in entry.files]
        except LabkitError as error:
            yield _from_error(error)
            continue
        if None not in found:
            yield Finding(True, f"{entry.title}: {len(found)} file{'s' * (len(found) > 1)}, checksums right")
        elif number:
            yield Finding(True, f"{entry.title} is not here: it downloads when it is first used", absent=True)
        else:
            yield Finding(
                False, f"{entry.title} is not here", f"run 'git checkout data/{name}' or 'labkit data get {name}'"
            )


def litert() -> Iterator[Finding]:
    """Check that LiteRT runs a network that ships with the course."""
    import numpy as np

    from labkit.deploy import tflite

    path = places.course() / "data" / "models" / "fashion_mnist" / "lenet_300_100.tflite"
    remedy = "run 'git checkout data/models'"
    if not path.is_file():
        yield Finding(False, f"{path} is missing", remedy)
        return
    logits = tflite.predict(path, np.zeros((1, 28, 28, 1), np.float32))
    ok = logits.shape == (1, 10) and bool(np.isfinite(logits).all())
    yield Finding(
        ok, f"LiteRT {'runs' if ok else 'gives no sound answer from'} the trained LeNet-300-100", remedy * (not ok)
    )


def folders() -> Iterator[Finding]:
    """Check that the folders of a lesson can be written to; none is made."""
    root = places.course()
    for what, path, remedy in (
        ("the folder for your copies", root / "work", "copy the course to a folder of your own"),
        ("the folder for reports", root / "build", "copy the course to a folder of your own"),
        ("the cache", places.cache(), "set LABKIT_CACHE to a folder of your own"),
        ("the folder for your progress", places.records(), "set LABKIT_STATE to a folder of your own"),
    ):
        if writable(path):  # paths are named only where they are of use: this table is stored in a lesson
            yield Finding(True, f"{what} can be written to")
        else:
            yield Finding(False, f"{what}, {path}, cannot be written to", remedy)


def kernel(name: str = "python3") -> Iterator[Finding]:
    """Check that Jupyter knows the kernel *name*, and that it is this Python."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        program = KernelSpecManager().get_kernel_spec(name).argv[0]
    except NoSuchKernel:
        yield Finding(False, f"Jupyter has no kernel called {name}", _SETUP)
        return
    except Exception as error:  # a kernel.json that is not JSON, or has no argv
        yield Finding(
            False, f"the kernel {name} has no sound kernel.json ({type(error).__name__})", _kernel_remedy(name)
        )
        return
    # Jupyter runs the bare word with its own Python; a path counts by its folder, as links to one Python are many.
    if program in ("python", "python3") or Path(program).parent == Path(sys.executable).parent:
        yield Finding(True, f"the kernel {name} runs this Python")
    else:
        yield Finding(False, f"the kernel {name} runs another Python, {program}", _kernel_remedy(name))


def _kernel_remedy(name: str) -> str:
    remedy = f"run '{sys.executable} -m jupyter kernelspec remove {name}'"
    return remedy if name == "python3" else f"{remedy}, or use the kernel python3"


def disk() -> Iterator[Finding]:
    """Check that the disk of the course has room."""
    free, least = shutil.disk_usage(places.course()).free, f"{ROOM / 2**30:.0f} GiB"
    if free >= ROOM:
        yield Finding(True, f"at least {least} is free on the disk")
    else:
        yield Finding(False, f"only {free / 2**30:.1f} GiB is free on the disk", f"make room: {least} is enough")


def installed(name: str) -> str | None:
    """Return the installed version of the distribution *name*, without importing it; None when there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def writable(folder: Path) -> bool:
    """Return whether a file can be made in *folder*, or in the nearest folder above it that exists."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def _from_error(error: LabkitError) -> Finding:
    """Return an error's one sentence, split at the colon before its remedy."""
    what, _, remedy = str(error).rstrip(".").partition(": ")
    return Finding(False, what, remedy)


def _some(names: list[str]) -> str:
    few = ", ".join(names[:3])
    return f"{few} and {len(names) - 3} more" if len(names) > 3 else few
