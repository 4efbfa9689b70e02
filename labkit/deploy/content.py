"""A ``.tflite`` file as bytes: read it, check that it is one, open it with LiteRT.

A file that this process has not made is opened in a process of its own first, once for each content.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from labkit.base import child, files
from labkit.base.errors import LabkitError, UsageError
from labkit.base.quiet import native_stderr

MOST_BYTES = 2**31 - 1  # a flatbuffer's offsets have 32 bits and a sign
_IDENTIFIER = b"TFL3"  # bytes 4 to 7 of every .tflite file (TFLite schema, file_identifier)
_TIMEOUT_S = 300.0

# SHA-256 of what this process has made, verified or tried already.
_harmless: set[str] = set()


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
        _check_threads(threads)
        if threads not in self._interpreters:
            self._interpreters[threads] = _opened(self.content, self.name, threads, delegates=True)
        return self._interpreters[threads]

    @property
    def checked(self) -> bool:
        """Return whether LiteRT has opened the file, and so verified all of its bytes."""
        return bool(self._interpreters)

    def close(self) -> None:
        """Delete the interpreters: the next use opens the file as it is stored."""
        self._interpreters.clear()


Source = bytes | str | Path | OpenFile


def describe(source: Source) -> str:
    """Return the name of *source* for a message: its path, or 'these bytes'."""
    if isinstance(source, OpenFile):
        return source.name
    return str(source) if isinstance(source, (str, Path)) else "these bytes"


def trust(content: bytes | str) -> None:
    """Note that *content*, the bytes of a ``.tflite`` file or their SHA-256 in hexadecimal, need not be tried first.

    For what a converter has made in this process, and for files whose checksum was verified.
    """
    _harmless.add(content if isinstance(content, str) else hashlib.sha256(content).hexdigest())


def read(source: Source) -> bytes:
    """Return the bytes of *source* (bytes, an open file, or the path of a ``.tflite`` file).

    A path's content is opened in a process of its own unless it was `trust`-ed or tried before: a crash of LiteRT costs
    that process. Bytes are taken as they are.

    Raises LabkitError when there is no such file, when it is no regular one, empty, or something else than a
    ``.tflite`` file that LiteRT opens; UsageError when *source* is neither bytes nor a path.
    """
    if isinstance(source, OpenFile):
        return source.content
    if isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(source)
    elif isinstance(source, (str, Path)):
        content = files.read(source, MOST_BYTES, "a .tflite file (labkit.deploy.tflite.convert and save make one)")
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
    if isinstance(source, (str, Path)):
        _try(source, content)
    return content


def interpreter(source: Source, threads: int = 1, *, delegates: bool = True) -> Any:
    """Return an ``ai_edge_litert`` interpreter of *source* with *threads* threads, its tensors not yet allocated.

    An `OpenFile` gives the one that it keeps, whose input may have any size. ``delegates=False`` leaves XNNPACK out, so
    that LiteRT's built-in kernels compute; such an interpreter is always a new one.
    Raises LabkitError when the file is truncated, foreign, damaged or written for a newer LiteRT; UsageError when
    *threads* is not 1 or more.
    """
    _check_threads(threads)
    if isinstance(source, OpenFile) and delegates:
        return source.interpreter(threads)
    return _opened(read(source), describe(source), threads, delegates)


def _check_threads(threads: int) -> None:
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise UsageError(f"threads is {threads!r}, but must be a whole number, 1 or more.")


def _opened(content: bytes, name: str, threads: int, delegates: bool) -> Any:
    with native_stderr():  # LiteRT announces XNNPACK there
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        kind = OpResolverType.AUTO if delegates else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            return Interpreter(model_content=content, num_threads=threads, experimental_op_resolver_type=kind)
        except (ValueError, RuntimeError) as error:
            refusal = error
    raise LabkitError(_explain(name, len(content), str(refusal))) from refusal


def _try(source: str | Path, content: bytes) -> None:
    """Open and run *content* once in another process. Raises LabkitError when LiteRT refuses it or crashes."""
    digest = hashlib.sha256(content).hexdigest()
    if digest in _harmless:
        return
    try:
        reply = json.loads(child.run("labkit.deploy.tflite_child", content, timeout_s=_TIMEOUT_S))
    except LabkitError as error:
        raise LabkitError(f"LiteRT cannot open {source}: {error}") from error.__cause__
    if "error" in reply:
        raise LabkitError(_explain(str(source), len(content), reply["error"]))
    _harmless.add(digest)


def _explain(name: str, size: int, reason: str) -> str:
    """Return LiteRT's *reason* for refusing a file of *size* bytes as one sentence with the remedy."""
    newer = re.search(r"builtin opcode '(\w+)' version '(\d+)'", reason)
    unknown = re.search(r"builtin_code out of range: (\d+)", reason)
    if newer or unknown:
        operator = f"{newer[1]} version {newer[2]}" if newer else f"operator {unknown[1] if unknown else ''}"
        return (
            f"{name} was written for a newer LiteRT ({operator}): convert the model with the TensorFlow of "
            "this course, or run 'pip install -U ai-edge-litert'."
        )
    return (
        f"LiteRT cannot open {name} ({size:,} bytes): the file is truncated or damaged; "
        "convert the model, or copy the file, again."
    )
