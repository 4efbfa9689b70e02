"""Return every operator's output of a ``.tflite`` file for some images, the reference for a computation by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labkit.deploy.content import Source, interpreter
from labkit.deploy.flatbuffer import Graph, packed
from labkit.deploy.tflite import allocate, check_images, input_dtype, quantized

__all__ = ["activations"]


def activations(source: Source, x: ArrayLike, threads: int = 1) -> dict[str, NDArray[Any]]:
    """Return, by name, every activation of the file for the images *x* (n, …), n rows each, **as stored** (int8 in int8
    files).

    The kernels are those that answer otherwise too (XNNPACK): each activation is made an output of the file, in a copy.
    The names are those that `inspect.layer` gives as ``input`` and ``output``.
    Raises LabkitError for a damaged file or images that do not fit it.
    """
    graph = Graph(source)
    produced = [index for operator in graph.operators for index in operator.outputs if graph.origin(index) is None]
    graph.graph.outputs = np.array(produced, np.int32)
    graph.model.signatureDefs = []  # they name the outputs that were
    runner = interpreter(packed(graph.model), threads)
    details = runner.get_input_details()[0]
    images = check_images(x, tuple(int(size) for size in details["shape"][1:]), input_dtype(details))
    allocate(runner)
    names = {index: graph.tensors[index].name for index in (details["index"], *produced)}
    rows: dict[str, list[NDArray[Any]]] = {name: [] for name in names.values()}
    for image in images:
        runner.set_tensor(details["index"], quantized(image[None], details).astype(details["dtype"]))
        runner.invoke()
        for index, name in names.items():
            rows[name].append(runner.get_tensor(index))
    empty = {
        name: np.empty((0, *graph.tensors[index].shape[1:]), graph.tensors[index].dtype)
        for index, name in names.items()
    }
    return {name: np.concatenate(outputs) if outputs else empty[name] for name, outputs in rows.items()}
