"""Read the arguments of a failed call out of an error's traceback, which still holds its frames."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType
from typing import Any


def frames(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames of *error*, from the outermost call to the place where it was raised."""
    tb = error.__traceback__
    while tb is not None:
        yield tb.tb_frame
        tb = tb.tb_next


def arguments(error: BaseException, function: str) -> dict[str, Any]:
    """Return the local variables of the first call to *function* in the traceback; empty when it was not called."""
    for frame in frames(error):
        if frame.f_code.co_name == function:
            return dict(frame.f_locals)
    return {}


def called(error: BaseException, function: str) -> bool:
    """Return True when *function* was called on the way to *error*."""
    return any(frame.f_code.co_name == function for frame in frames(error))


def keras_arguments(error: BaseException, method: str) -> tuple[Any, ...]:
    """Return the positional arguments of Keras 2's *method*, ``self`` first; empty when it was not called.

    Keras takes its own frames out of a traceback, and leaves that of the decorator through which it was called.
    """
    for frame in frames(error):
        values = frame.f_locals
        if frame.f_code.co_name == "error_handler" and getattr(values.get("fn"), "__name__", "") == method:
            return tuple(values.get("args", ())) + tuple(values.get("kwargs", {}).values())
    return ()
