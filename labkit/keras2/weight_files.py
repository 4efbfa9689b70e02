"""Read the weights in an untrusted ``.keras`` or ``.h5`` file, by name: no model is built, so no code in it runs.

A ``.h5`` file names its weights. A ``.keras`` file numbers them within each layer and keeps the layers' names in its
configuration: `_VARIABLES` gives the names that Keras' own layers have. Where a layer is not listed there, the model is
built to ask it, provided that it consists of Keras' own layers (`foreign_model`); otherwise its weights keep their
numbers, as in ``my_layer/0``.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labkit.base import child, files
from labkit.base.errors import LabkitError
from labkit.keras2.wrappers import QUANTIZERS, STRIPPERS
from labkit.methods.tensor_limits import name_problem, shown

MOST_BYTES = 2**30  # of a file
_WANTED = "a .keras or .h5 file"
_TIMEOUT_S = 120.0
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1  # bit 0 of a zip member's flags
_CONFIG, _WEIGHTS, _PICKLED = "config.json", "model.weights.h5", "model.weights.npz"
_LONGEST_CONFIG = 2**26
_UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError, RuntimeError)

Config = dict[str, Any]
Tensors = dict[str, NDArray[Any]]

_KERNEL_AND_BIAS = ("kernel", "bias")
_GAMMA_AND_BETA = ("gamma", "beta")
# What the layers of Keras 2 call their variables, in the order of the file.
_VARIABLES = {
    "Dense": _KERNEL_AND_BIAS,
    "Conv1D": _KERNEL_AND_BIAS,
    "Conv2D": _KERNEL_AND_BIAS,
    "Conv3D": _KERNEL_AND_BIAS,
    "Conv1DTranspose": _KERNEL_AND_BIAS,
    "Conv2DTranspose": _KERNEL_AND_BIAS,
    "Conv3DTranspose": _KERNEL_AND_BIAS,
    "DepthwiseConv1D": ("depthwise_kernel", "bias"),
    "DepthwiseConv2D": ("depthwise_kernel", "bias"),
    "SeparableConv1D": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "SeparableConv2D": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "BatchNormalization": (*_GAMMA_AND_BETA, "moving_mean", "moving_variance"),
    "LayerNormalization": _GAMMA_AND_BETA,
    "GroupNormalization": _GAMMA_AND_BETA,
    "Embedding": ("embeddings",),
    "PReLU": ("alpha",),
}
_SWITCHES = {"bias": "use_bias", "gamma": "scale", "beta": "center"}  # which option leaves a variable out


@dataclass(frozen=True)
class Content:
    """A file of Keras as it was read: *stored* by path (for ``.h5``: by layer and name), *config* of the model if any.

    *path* is what messages call it, *data* its bytes.
    """

    path: Path
    data: bytes
    config: Config | None
    stored: list[tuple[str, str, NDArray[Any]]]
    is_legacy: bool


def read(path: Path | str) -> Tensors:
    """Return every weight in the ``.keras``, ``.h5`` or ``.weights.h5`` file *path* by its name, ``dense_1/kernel``.

    The names are those that `labkit.keras2.tensors.tensors` gives for the same model; for a layer that only its author
    knows, and for a ``.weights.h5`` file, which does not say what its layers are called, a weight's name ends in its
    number in the layer. The arrays keep the file's dtype.

    Raises LabkitError for a file that is damaged, larger than allowed, still wrapped for training by TFMOT, has two
    weights of one name, or holds names that `tensor_limits.name_problem` refuses.
    """
    content = open_file(Path(path))
    require_unwrapped(content)
    if content.is_legacy:
        return _by_name(content, [(_plain(name), layer, tensor) for layer, name, tensor in content.stored])
    named, all_known = _named(content)
    if all_known or content.config is None:
        return _by_name(content, named)
    from labkit.keras2 import foreign_model

    if foreign_model.problem(content.config) is None:
        from labkit.keras2.tensors import tensors

        return dict(tensors(foreign_model.build(content)))
    return _by_name(content, named)


def open_file(path: Path) -> Content:
    """Return what is in the ``.keras`` or ``.h5`` file *path*; its HDF5 part is parsed in a process of its own.

    Raises LabkitError when it is no such file, damaged, or larger than allowed.
    """
    data = files.read(path, MOST_BYTES, _WANTED)
    try:
        if data.startswith(_HDF5):
            reply, stored = _parse_h5(data)
            config = _parse_config(reply["config"]) if reply["config"] is not None else None
            return Content(path, data, config, stored, reply["legacy"])
        if data.startswith(_ZIP):
            config_text, weights = _unzip(data)
            config = _parse_config(config_text)
            reply, stored = _parse_h5(weights)
            return Content(path, data, config, stored, reply["legacy"])
    except LabkitError as error:
        raise LabkitError(f"Cannot read {path}: {error}") from error.__cause__
    raise LabkitError(
        f"Cannot read {path}: it begins neither as a .keras file (a zip archive) nor as a .h5 file (HDF5); "
        "give a file that model.save wrote."
    )


def require_unwrapped(content: Content) -> None:
    """Raise LabkitError, with the remedy, when the model in *content* is still wrapped for training by TFMOT."""
    classes = [layer["class_name"] for layer in layers(content.config)] if content.config else []
    if not classes:  # a file of weights alone: what its layers are called by default
        words = {part for layer, name, _ in content.stored for part in f"{layer}/{name}".split("/")}
        classes = [kind for kind in (*STRIPPERS, *QUANTIZERS) if any(_snake(kind) in word for word in words)]
        classes += ["ClusterWeights"] if any(word.startswith("cluster_centroids") for word in words) else []
        classes += ["QuantizeWrapperV2"] if "optimizer_step:0" in words else []
    for kind in classes:
        if kind in STRIPPERS:
            raise LabkitError(
                f"{content.path} holds TFMOT's training wrapper {kind}: save {STRIPPERS[kind]}(model) in its place."
            )
        if kind in QUANTIZERS:
            raise LabkitError(
                f"{content.path} is a quantization-aware model, whose wrapper {kind} cannot be removed: save the model "
                "before quantize_model or quantize_apply, or convert this one with labkit.deploy.tflite.convert(model, "
                "'int8')."
            )


def layers(config: Config) -> Iterator[Config]:
    """Yield the configuration of each layer of the model *config*, those of inner models and wrapped ones included.

    Each has a text ``class_name`` and a dict ``config``.
    """
    pending: list[Any] = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str) and isinstance(value.get("config"), dict):
                yield value
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def _named(content: Content) -> tuple[list[tuple[str, str, NDArray[Any]]], bool]:
    """Return name, layer and tensor of each weight of a ``.keras`` file, and whether all names are Keras' own."""
    stored = {path: tensor for _, path, tensor in content.stored}
    named: list[tuple[str, str, NDArray[Any]]] = []
    all_known = True
    for path, kind, options in _layer_paths(content.config, ""):
        own = _numbered(stored, f"{path}/vars")
        if not own:
            continue
        variables = _variables(kind, options)
        all_known &= len(variables) == len(own)
        names = variables if len(variables) == len(own) else [str(number) for number in range(len(own))]
        for number, name in enumerate(names):
            named.append((f"{options['name']}/{name}", path, stored.pop(f"{path}/vars/{number}")))
    for path in sorted(stored, key=_natural):
        parts = [part for part in path.split("/") if part not in ("layers", "vars")]
        named.append(("/".join(parts), path, stored[path]))
        all_known = False
    return named, all_known


def _layer_paths(config: Config | None, prefix: str) -> Iterator[tuple[str, str, Config]]:
    """Yield the group, class and options of each layer of a model, which Keras numbers within each class."""
    options = config.get("config") if config is not None else None
    inner = options.get("layers") if isinstance(options, dict) else None
    counts: Counter[str] = Counter()
    for layer in inner if isinstance(inner, list) else []:
        if not isinstance(layer, dict) or not isinstance(layer.get("class_name"), str):
            continue
        kind = _snake(layer["class_name"])
        path = f"{prefix}layers/{kind}_{counts[kind]}" if counts[kind] else f"{prefix}layers/{kind}"
        counts[kind] += 1
        layer_options = layer.get("config")
        if isinstance(layer_options, dict) and isinstance(layer_options.get("name"), str):
            # A class of the user may be called Dense too.
            registered = layer.get("registered_name")
            own = registered is None or registered == layer["class_name"]
            yield path, layer["class_name"] if own else "", layer_options
        yield from _layer_paths(layer, f"{path}/")


def _variables(kind: str, options: Config) -> list[str]:
    return [name for name in _VARIABLES.get(kind, ()) if options.get(_SWITCHES.get(name, ""), True)]


def _numbered(stored: dict[str, NDArray[Any]], group: str) -> list[str]:
    """Return the paths ``group/0``, ``group/1`` … as far as they go."""
    paths: list[str] = []
    while f"{group}/{len(paths)}" in stored:
        paths.append(f"{group}/{len(paths)}")
    return paths


def _by_name(content: Content, named: list[tuple[str, str, NDArray[Any]]]) -> Tensors:
    """Return the tensors by name. Raises LabkitError for a name that is refused, or repeated, and for none at all."""
    if not named:
        raise LabkitError(f"{content.path} has no weights: give the file of a model that has some.")
    tensors: Tensors = {}
    origins: dict[str, str] = {}
    for name, layer, tensor in named:
        if problem := name_problem(name):
            raise LabkitError(
                f"{content.path}: the weight's name {shown(name)} {problem}: give its layer another name."
            )
        if name in tensors:
            raise LabkitError(
                f"{content.path} has two weights called {name!r}, in {shown(origins[name])} and {shown(layer)}: give "
                "each layer a name of its own, those of inner models too."
            )
        tensors[name] = tensor
        origins[name] = layer
    return tensors


def _parse_h5(data: bytes) -> tuple[dict[str, Any], list[tuple[str, str, NDArray[Any]]]]:
    """Return the child's reply for the HDF5 file *data*, and layer, name and tensor of all that is stored in it."""
    answer = child.run("labkit.keras2.h5_child", data, timeout_s=_TIMEOUT_S)
    head, _, body = answer.partition(b"\n")
    reply = json.loads(head)
    if "error" in reply:
        raise LabkitError(reply["error"])
    stored = []
    start = 0
    for entry in reply["tensors"]:
        kind = np.dtype(entry["dtype"])
        end = start + math.prod(entry["shape"]) * kind.itemsize
        tensor = np.frombuffer(bytearray(body[start:end]), kind).reshape(entry["shape"])
        stored.append((entry["layer"], entry["name"], tensor))
        start = end
    return reply, stored


def _unzip(data: bytes) -> tuple[bytes, bytes]:
    """Return the configuration and the HDF5 file of weights in a ``.keras`` archive."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _UNREADABLE as error:
        raise LabkitError("it is not a complete archive; copy it, or save the model, again.") from error
    with archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        if _PICKLED in names and _WEIGHTS not in names:
            raise LabkitError("it keeps its weights as pickled objects, which are not loaded; save with model.save.")
        for name in (_CONFIG, _WEIGHTS):
            if names.count(name) != 1:
                raise LabkitError(f"it has {names.count(name)} members {name}, not one; save with model.save.")
        return _member(archive, _CONFIG, _LONGEST_CONFIG), _member(archive, _WEIGHTS, MOST_BYTES)


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    member = archive.getinfo(name)
    if member.flag_bits & _ENCRYPTED:
        raise LabkitError(f"its member {name} is encrypted; save with model.save.")
    if member.compress_type not in _METHODS:
        raise LabkitError(f"its member {name} has compression method {member.compress_type}; save with model.save.")
    if member.file_size > most:
        raise LabkitError(f"its member {name} has {member.file_size:,} bytes, but only {most:,} are allowed.")
    try:
        with archive.open(member) as file:
            return file.read()
    except _UNREADABLE as error:
        raise LabkitError(f"its member {name} is damaged; copy the file, or save the model, again.") from error


def _parse_config(text: bytes | str) -> Config:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LabkitError("its configuration is not JSON; copy the file, or save the model, again.") from error
    if not isinstance(config, dict):
        raise LabkitError("its configuration describes no model; save the model again.")
    return config


def _plain(name: str) -> str:
    return name.removesuffix(":0")


def _natural(path: str) -> list[tuple[int, str]]:
    """Return a sorting key under which ``vars/10`` comes after ``vars/9``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in path.split("/")]


def _snake(kind: str) -> str:
    """Return a class's name as Keras turns it into a group's name: ``PReLU`` becomes ``p_re_lu``."""
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()
