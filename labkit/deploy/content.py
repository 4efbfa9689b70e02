"""A ``.tflite`` file as bytes: read it, check that it is one, open it with LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labkit.base.errors import LabkitError, UsageError
from labkit.base.quiet import native_stderr

_IDENTIFIER = b"TFL3"  # bytes 4 to 7 of every .tflite file (TFLite schema, file_identifier)


class OpenFile:
    """A ``.tflite`` file that is read and checked once, and that LiteRT opens once per number of threads.

    Everything that takes a `Source` takes one of these too, and then shares its bytes and its interpreter: whoever uses
    the interpreter sets the size of its input again. ``content`` are the file's bytes, ``name`` is for messages.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self.content = content
        self.name = name
        self._interpreters: dict[int, Any] = {}

    def interpreter(self, threads: int = 1) -> Any:
        """Return the one interpreter with *threads* threads; raises as the function of that name does."""
        if threads not in self._interpreters:
            self._interpreters[threads] = _opened(self.content, self.name, threads, delegates=True)
        return self._interpreters[threads]

    @property
    def checked(self) -> bool:
        """Return whether LiteRT has opened the file, and so verified all of its bytes."""
        return bool(self._interpreters)

    def close(self) -> None:
        """Give up the interpreters: the next use opens the file as it is stored."""
        self._interpreters.clear()


Source = bytes | str | Path | OpenFile


def describe(source: Source) -> str:
    """Return the name of *source* for a message: its path, or 'these bytes'."""
    if isinstance(source, OpenFile):
        return source.name
    return str(source) if isinstance(source, (str, Path)) else "these bytes"


def read(source: Source) -> bytes:
    """Return the bytes of *source* (bytes, an open file, or the path of a ``.tflite`` file).

    Raises LabkitError when there is no such file, when it is empty or when it is something else than a ``.tflite``
    file; UsageError when *source* is neither bytes nor a path. That the file is whole is checked when it is opened.
    """
    if isinstance(source, OpenFile):
        return source.content
    if isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(source)
    elif isinstance(source, (str, Path)):
        try:
            content = Path(source).read_bytes()
        except FileNotFoundError:
            raise LabkitError(
                f"There is no file {source}: give the path of a .tflite file, or make one with convert and save."
            ) from None
        except OSError as error:
            raise LabkitError(f"Cannot read {source} ({error.strerror}): give the path of a .tflite file.") from error
    else:
        raise UsageError(
            f"A .tflite model is bytes or a path, not {type(source).__name__}: convert a Keras model first "
            "(labkit.deploy.tflite.convert)."
        )
    if not content:
        raise LabkitError(f"No .tflite model in {describe(source)} (0 bytes): convert the model again.")
    if content[4:8] != _IDENTIFIER:
        raise LabkitError(
            f"No .tflite model in {describe(source)}: its bytes 4 to 7 are {content[4:8]!r}, not {_IDENTIFIER!r}; "
            "give a file that LiteRT's converter wrote."
        )
    return content


def interpreter(source: Source, threads: int = 1, *, delegates: bool = True) -> Any:
    """Return an ``ai_edge_litert`` interpreter of *source* with *threads* threads, its tensors not yet allocated.

    An `OpenFile` gives the one that it keeps, whose input may have any size. ``delegates=False`` leaves XNNPACK out, so
    that LiteRT's built-in kernels compute; such an interpreter is always a new one.
    Raises LabkitError when the file is truncated, foreign or damaged, UsageError when *threads* is not 1 or more.
    """
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise UsageError(f"threads is {threads!r}, but takes a whole number, 1 or more.")
    if isinstance(source, OpenFile) and delegates:
        return source.interpreter(threads)
    return _opened(read(source), describe(source), threads, delegates)


def _opened(content: bytes, name: str, threads: int, delegates: bool) -> Any:
    try:
        with native_stderr():  # LiteRT announces XNNPACK there
            from ai_edge_litert.interpreter import Interpreter, OpResolverType

            kind = OpResolverType.AUTO if delegates else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            return Interpreter(model_content=content, num_threads=threads, experimental_op_resolver_type=kind)
    except (ValueError, RuntimeError) as error:
        raise LabkitError(
            f"LiteRT cannot open {name} ({len(content):,} bytes): the file is truncated or damaged; "
            "convert the model, or copy the file, again."
        ) from error
