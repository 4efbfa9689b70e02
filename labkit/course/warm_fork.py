"""What is shared by warm kernels, loaded once in the server; and how a fork of it becomes an ordinary ipykernel."""

from __future__ import annotations

import builtins
import ctypes
import gc
import importlib
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from labkit.base import quiet
from labkit.course import warm_kernel

# Seen by a cold kernel as soon as it has started, or harmless to see: these stand open in a warm one. Matplotlib's
# backend for notebooks is not among them: when it is imported, it enters itself with a shell that must be there.
OPEN = ("ipykernel.kernelapp", "ipykernel.ipkernel", "IPython", "matplotlib.pyplot")
# These must look as if they were not there until the notebook imports them: a page may ask for it.
HIDDEN = ("tensorflow", "tf_keras", "tensorflow_model_optimization")
_ROOTS = (*HIDDEN, "keras")
_PR_SET_PDEATHSIG = 1


@dataclass
class Preloaded:
    """What a server has imported: ``hidden`` (name → stage and module) and ``added`` (the variables that this set)."""

    at_import: dict[str, str]
    hidden: dict[str, tuple[int, ModuleType]] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)


def preload(opened: Sequence[str] = OPEN, hidden: Sequence[str] = HIDDEN) -> Preloaded:
    """Import all of them; raises RuntimeError when that has started TensorFlow's runtime, which no fork survives."""
    _look_like_a_kernel()
    done = Preloaded(warm_kernel.read_at_import(os.environ))
    os.environ.update(done.at_import)
    for name in opened:
        importlib.import_module(name)
    before, roots = dict(os.environ), {*_ROOTS, *hidden}
    for stage, name in enumerate(hidden):
        importlib.import_module(name)
        for found, module in list(sys.modules.items()):
            if module is not None and found.partition(".")[0] in roots:
                done.hidden.setdefault(found, (stage, module))
    done.added = {name: value for name, value in os.environ.items() if before.get(name) != value}
    del builtins.get_ipython  # type: ignore[attr-defined]
    refuse_if_started()
    gc.collect()
    gc.freeze()  # or the next collection in a fork touches, and so copies, every page of memory
    return done


def _look_like_a_kernel() -> None:
    """Have what TensorFlow looks for when it is imported: by these it chooses where its log and ``tf.print`` write."""
    sys.ps1 = "In : "
    builtins.get_ipython = lambda: None  # type: ignore[attr-defined]


def refuse_if_started() -> None:
    """Raise RuntimeError when an operation of TensorFlow has run: its threads and locks are not there in a fork."""
    context = sys.modules.get("tensorflow.python.eager.context")
    if context is not None and vars(context)["_context"] is not None:
        raise RuntimeError("TensorFlow has run an operation in the server: no kernel can be forked from it.")


class Shelf(quiet.QuietFinder, Loader):
    """Keeps the hidden modules out of ``sys.modules`` and puts them back when one of them is imported.

    It is a quiet finder too, or `labkit.base.quiet` would put its own before it and load TensorFlow a second time.
    """

    def __init__(self, preloaded: Preloaded) -> None:
        self.preloaded = preloaded
        self.specs: dict[str, ModuleSpec | None] = {}

    def hide(self) -> None:
        """Take the modules away, and stand first where Python looks for modules."""
        for name in self.preloaded.hidden:
            sys.modules.pop(name, None)
        sys.meta_path.insert(0, self)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The module's own description, with this object as its loader."""
        if fullname not in self.preloaded.hidden:
            return None
        own = self.preloaded.hidden[fullname][1].__spec__
        self.specs[fullname] = own
        spec = ModuleSpec(fullname, self, origin=own.origin if own else None)
        spec.submodule_search_locations = own.submodule_search_locations if own else None
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module as it was imported in the server; ImportError where a cold kernel would have loaded another."""
        asked = warm_kernel.read_at_import(os.environ)
        legacy = os.environ.get("TF_USE_LEGACY_KERAS") == warm_kernel.SET_ANYWAY["TF_USE_LEGACY_KERAS"]
        if asked != self.preloaded.at_import or not legacy:
            names = asked.keys() | self.preloaded.at_import.keys()
            other = sorted(name for name in names if asked.get(name) != self.preloaded.at_import.get(name))
            raise ImportError(
                f"{spec.name} was loaded before this notebook began, with other variables than it has now "
                f"({', '.join(other) or 'TF_USE_LEGACY_KERAS'}): import labkit first, or run it with --kernel cold."
            )
        return self.preloaded.hidden[spec.name][1]

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is executed: what the module's own import brought with it comes back too."""
        assert module.__spec__ is not None  # the import system has just set it, to ours
        name = module.__spec__.name
        module.__spec__ = self.specs.pop(name)
        stage = self.preloaded.hidden[name][0]
        for other, (when, known) in self.preloaded.hidden.items():
            if when <= stage:
                sys.modules.setdefault(other, known)
        for variable, value in self.preloaded.added.items():
            os.environ.setdefault(variable, value)


def become_kernel(request: Mapping[str, Any], streams: Sequence[int], preloaded: Preloaded, server: int) -> int:
    """In a fork of the process *server*: be the kernel that *request* asks for, on its *streams*; its exit status."""
    _die_with(server)
    for target, descriptor in enumerate(streams):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    _as_a_fresh_process()
    Shelf(preloaded).hide()
    return _run_kernel(request["arguments"])


def _die_with(server: int) -> None:
    """Lead a process group, so that signals reach what the notebook starts; be killed when *server* ends."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:  # it ended before this was asked for
        os._exit(1)


def _as_a_fresh_process() -> None:
    """Signals, random numbers and labkit as a Python that has just started has them."""
    import random

    for name in warm_kernel.RELAYED:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    for name in [name for name in sys.modules if name == "labkit" or name.startswith("labkit.")]:
        if name != quiet.__name__:  # `Shelf` stands on it
            del sys.modules[name]


def _run_kernel(arguments: Sequence[str]) -> int:
    """Run ipykernel in this process, as ``python -m ipykernel_launcher`` does."""
    import atexit
    from importlib.util import find_spec

    from ipykernel.kernelapp import IPKernelApp

    launcher = find_spec("ipykernel_launcher")
    sys.argv = [str(launcher and launcher.origin), *arguments]
    handlers = _handlers_on_standard_streams()
    app = IPKernelApp.instance(parent_handle=1)  # no watch over the parent: the system kills this with the server
    app.initialize(list(arguments))
    for handler, stream in handlers:
        handler.stream = getattr(sys, stream)
    status = 0
    try:
        app.start()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    atexit._run_exitfuncs()
    for standard in (sys.__stdout__, sys.__stderr__):
        if standard is not None:
            standard.flush()
    return status


def _handlers_on_standard_streams() -> list[tuple[logging.StreamHandler[Any], str]]:
    """The log handlers, made when libraries were imported, that write to a stream which the notebook replaces."""
    handlers = [reference() for reference in logging._handlerList]  # type: ignore[attr-defined]
    return [
        (handler, name)
        for handler in handlers
        if isinstance(handler, logging.StreamHandler) and "stream" in vars(handler)  # some look it up each time
        for name in ("stdout", "stderr")
        if handler.stream is getattr(sys, name)
    ]
