"""Read an HDF5 file of Keras weights in a separate process: from standard input, tensors to standard output.

The HDF5 library parses the file in C, and a damaged one can crash it. What a file could use to reach beyond itself is
refused: soft and external links, external storage, virtual datasets, objects and references, filters from plugins.

The reply is one line of JSON, `Reply` as a dict, and after it the bytes of the tensors, one after the other.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import h5py
import numpy as np

from labkit.base import child
from labkit.base.errors import LabkitError
from labkit.methods.tensor_limits import MOST_TENSORS, MOST_WEIGHTS, shape_problem, shown

_MEMORY = 4 * 2**30
_PROCESSOR_S = 120
_DEEPEST = 32  # groups within groups
_MOST_OBJECTS = 20_000
_NOT_WEIGHTS = {"optimizer_weights", "optimizer", "metrics"}  # groups at the top that belong to the training
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


def main() -> None:
    """Answer for the file on standard input."""
    child.limit(_MEMORY, _PROCESSOR_S)
    content = sys.stdin.buffer.read()
    tensors: list[np.ndarray] = []
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            reply, tensors = _read(file)
    except LabkitError as error:
        reply = {"error": str(error)}
    except MemoryError:
        reply = {"error": "it asks for more memory than a file of weights may take."}
    except Exception:  # h5py raises nearly anything for a damaged file
        reply = {"error": "it is a damaged HDF5 file; copy it, or save it, again."}
    sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n")
    for tensor in tensors:
        sys.stdout.buffer.write(tensor.tobytes())


def _read(file: h5py.File) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the reply's head for *file*, and the tensors in its order."""
    groups: dict[str, h5py.Group] = {"": file}
    datasets: dict[str, h5py.Dataset] = {}
    _walk(file, "", groups, datasets, set())
    _check(datasets)
    legacy_root = "model_weights" if "model_weights" in groups else ""
    is_legacy = "layer_names" in groups[legacy_root].attrs or "layer_names0" in groups[legacy_root].attrs
    places = _legacy_places(groups, datasets, legacy_root) if is_legacy else [("", path, path) for path in datasets]
    tensors = [np.ascontiguousarray(datasets[path][()]) for _, _, path in places]
    described = [
        {"layer": layer, "name": name, "shape": tensor.shape, "dtype": tensor.dtype.str}
        for (layer, name, _), tensor in zip(places, tensors, strict=True)
    ]
    config = file.attrs.get("model_config")
    if isinstance(config, bytes):
        config = config.decode()
    if config is not None and not isinstance(config, str):
        raise LabkitError("its model_config is not text; save the model again.")
    return {"legacy": is_legacy, "config": config, "tensors": described}, tensors


def _walk(
    group: h5py.Group,
    path: str,
    groups: dict[str, h5py.Group],
    datasets: dict[str, h5py.Dataset],
    addresses: set[int],
) -> None:
    """Add every group and dataset below *group* to *groups* and *datasets* by its path; follow hard links alone."""
    for name in group:
        if not path and name in _NOT_WEIGHTS:
            continue
        inner = f"{path}/{name}" if path else name
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise LabkitError(f"its entry {shown(inner)} is a link to another place; save the model again.")
        entry = group[name]
        address = h5py.h5o.get_info(entry.id).addr
        if address in addresses:
            raise LabkitError(f"its entry {shown(inner)} is the same as another entry; save the model again.")
        addresses.add(address)
        if len(addresses) > _MOST_OBJECTS or inner.count("/") > _DEEPEST:
            raise LabkitError("it has more groups than a file of weights can have; save only the weights.")
        if isinstance(entry, h5py.Group):
            groups[inner] = entry
            _walk(entry, inner, groups, datasets, addresses)
        elif isinstance(entry, h5py.Dataset):
            datasets[inner] = entry
        else:
            raise LabkitError(f"its entry {shown(inner)} is not an array; save the model again.")


def _check(datasets: dict[str, h5py.Dataset]) -> None:
    """Raise LabkitError unless all of *datasets* are plain numbers, held in the file itself, and not too large."""
    if len(datasets) > MOST_TENSORS:
        raise LabkitError(f"it has {len(datasets):,} arrays, more than {MOST_TENSORS:,}; write several files.")
    room = MOST_WEIGHTS
    for path, dataset in datasets.items():
        if dataset.dtype.kind not in "biufcV" or dataset.dtype.hasobject:
            raise LabkitError(f"its entry {shown(path)} holds objects or text; save numbers.")
        if dataset.shape is None:
            raise LabkitError(f"its entry {shown(path)} is empty; save the model again.")
        if dataset.is_virtual or dataset.external:
            raise LabkitError(f"its entry {shown(path)} is stored in another file; save the model again.")
        properties = dataset.id.get_create_plist()
        filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
        if not filters <= _FILTERS:
            raise LabkitError(
                f"its entry {shown(path)} is compressed in an unknown way; save it with gzip or uncompressed."
            )
        if problem := shape_problem(dataset.shape, room):
            raise LabkitError(f"its entry {shown(path)} {problem}; write several files.")
        room -= dataset.size


def _legacy_places(
    groups: dict[str, h5py.Group], datasets: dict[str, h5py.Dataset], root: str
) -> list[tuple[str, str, str]]:
    """Return layer, name and path of each weight, in the order that an ``.h5`` file of Keras 2 lists them in."""
    prefix = f"{root}/" if root else ""
    layers = _texts(groups[root], "layer_names")
    if "top_level_model_weights" not in layers and f"{prefix}top_level_model_weights" in groups:
        layers.append("top_level_model_weights")
    places = []
    for layer in layers:
        if prefix + layer not in groups:
            raise LabkitError(f"its layer {shown(layer)} is missing; save the model again.")
        for name in _texts(groups[prefix + layer], "weight_names"):
            path = f"{prefix}{layer}/{name}"
            if path not in datasets:
                raise LabkitError(f"its weight {shown(path)} is missing; save the model again.")
            places.append((layer, name, path))
    paths = {path for _, _, path in places}
    for path in datasets:
        if path not in paths and path.startswith(prefix):
            raise LabkitError(f"its entry {shown(path)} belongs to no layer; save the model again.")
    return places


def _texts(group: h5py.Group, name: str) -> list[str]:
    """Return the list of texts in *group*'s attribute *name*, which Keras cuts into ``name0``, ``name1`` when long."""
    if name in group.attrs:
        parts = [group.attrs[name]]
    else:
        parts = []
        while f"{name}{len(parts)}" in group.attrs:
            parts.append(group.attrs[f"{name}{len(parts)}"])
    texts = [text for part in parts for text in np.asarray(part).ravel().tolist()]
    return [text.decode() if isinstance(text, bytes) else str(text) for text in texts]


if __name__ == "__main__":
    main()
