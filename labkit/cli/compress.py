"""The commands ``labkit compress``, ``expand`` and ``reproduce``; each imports its work when it is called."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from labkit.cli import command

_COMPRESS = """\
labkit compress pruned.keras -o pruned.lkz               encode the zeros; keep every weight as it is
labkit compress pruned.keras -o small.lkz --values 32    allow at most 32 different values per kernel
labkit compress weights.npz -o weights.lkz               encode named float32 arrays, without TensorFlow"""
_EXPAND = """\
labkit expand small.lkz -o weights.npz                        write named arrays for numpy.load
labkit expand small.lkz -o small.keras --like pruned.keras    write a model with the graph of pruned.keras"""
_REPRODUCE = """\
labkit reproduce --list                                       list the published figures
labkit reproduce deep-compression-lenet-300-100 --seeds 1     reproduce one figure with one seed
labkit reproduce                                              reproduce all figures with all seeds (hours)"""
_MODELS = (".keras", ".h5", ".npz")
_KINDS = ".keras, .h5 or .npz"


def register(subparsers: Any) -> None:
    """Add ``compress`` and ``expand`` to an argparse sub-parser collection; imports nothing heavy."""
    compress = command.add(
        subparsers,
        "compress",
        "write a model's weights as a small .lkz file",
        _COMPRESS,
        _compress,
        about="Write a model's weights as a .lkz file. Zeros and shared values take little space. Never trains.",
    )
    compress.add_argument("model", type=Path, metavar="MODEL", help=f"a {_KINDS} file")
    compress.add_argument("-o", dest="target", type=Path, required=True, metavar="FILE.lkz", help="the file to write")
    compress.add_argument(
        "--values",
        type=int,
        metavar="K",
        help="allow at most K different nonzero weights per kernel (k-means); 1 to 65,536 (default: keep all weights)",
    )
    expand = command.add(
        subparsers,
        "expand",
        "read a .lkz file back into a model or arrays",
        _EXPAND,
        _expand,
        about="Write the tensors of a .lkz file as a .npz file, or as a .keras model with the graph of another model.",
    )
    expand.add_argument("file", type=Path, metavar="FILE.lkz", help="a file that 'labkit compress' wrote")
    expand.add_argument(
        "-o", dest="target", type=Path, required=True, metavar="FILE", help=".npz, or .keras with --like"
    )
    expand.add_argument("--like", type=Path, metavar="MODEL", help="the model whose graph the .keras file gets")
    reproduce = command.add(
        subparsers,
        "reproduce",
        "reproduce published figures, and write the table",
        _REPRODUCE,
        _reproduce,
        about="Execute the pages that reproduce published figures, once per seed.\n"
        "Store the measured values in data/reproductions.json, and write docs/reproductions.md.",
    )
    reproduce.add_argument("rows", nargs="*", metavar="FIGURE", help="published figures by name (default: all)")
    reproduce.add_argument("--seeds", metavar="S[,S]", help="seeds to run (default: the seeds of the figure)")
    reproduce.add_argument("--list", action="store_true", help="list the figures; execute nothing")
    reproduce.add_argument(
        "--table", action="store_true", help="write the table from executed notebooks; execute nothing"
    )


def _compress(arguments: argparse.Namespace) -> int:
    from labkit.base import files
    from labkit.base.errors import UsageError
    from labkit.methods import deep_compression, lkz

    if arguments.target.suffix.lower() != ".lkz":
        raise UsageError(f"-o is {arguments.target}, but must be a name that ends in .lkz.")
    if arguments.values is not None and not 1 <= arguments.values <= deep_compression.MOST_VALUES:
        raise UsageError(f"--values is {arguments.values}, but must be 1 to {deep_compression.MOST_VALUES:,}.")
    tensors, rounded = _as_float32(_load(arguments.model))
    data = deep_compression.deep_compression(tensors, values=arguments.values)
    lkz.unpack(data)  # what cannot be read again is not written
    files.write(arguments.target, data)
    weights = sum(tensor.size for tensor in tensors.values())
    kept = sum(int((tensor != 0).sum()) for tensor in tensors.values())
    if rounded:
        print(f"Rounded to float32: {', '.join(rounded[:3])}{', …' if len(rounded) > 3 else ''}.")
    print(
        f"{arguments.target}: {len(data):,} bytes for {weights:,} weights, of which {kept:,} are not zero; "
        f"{_compared(len(data), 4 * weights)}."
    )
    return 0


def _expand(arguments: argparse.Namespace) -> int:
    from labkit.base.errors import UsageError
    from labkit.methods import lkz, npz

    kind = arguments.target.suffix.lower()
    if kind not in (".npz", ".keras") or (kind == ".keras") != (arguments.like is not None):
        raise UsageError(
            f"-o is {arguments.target}, but must be a name that ends in .npz, or in .keras together with --like MODEL "
            "(a .lkz file holds weights and no graph)."
        )
    tensors = lkz.read(arguments.file)
    if kind == ".npz":
        npz.write(arguments.target, tensors)
    else:
        _expand_model(arguments.target, tensors, arguments.like)
    print(f"{arguments.target}: {len(tensors)} tensors, {sum(tensor.size for tensor in tensors.values()):,} weights.")
    return 0


def _expand_model(target: Path, tensors: dict[str, Any], like: Path) -> None:
    """Write a ``.keras`` file *target* with *tensors* as its weights and the graph of the model in *like*."""
    import tempfile

    from labkit.base import files

    _check_model_path(like, (".keras", ".h5"))
    from labkit.keras2 import foreign_model
    from labkit.keras2.tensors import set_tensors

    model = foreign_model.load(like)
    set_tensors(model, tensors)
    with tempfile.TemporaryDirectory() as folder:
        # Keras chooses the format by the suffix, which the file behind a symbolic link may not have.
        path = Path(folder) / "model.keras"
        model.save(path)
        files.write(target, path.read_bytes())


def _reproduce(arguments: argparse.Namespace) -> int:
    from labkit.base.places import course
    from labkit.report import reproduce

    rows = reproduce.chosen(arguments.rows)
    if arguments.list:
        for row in rows:
            print(f"{row.id:32} {row.published} ({row.source}); lesson {row.lesson}")
        return 0
    seeds = reproduce.seeds_of(arguments.seeds) if arguments.seeds else None
    folder = reproduce.default_folder()
    code = 0 if arguments.table else reproduce.run(rows, folder, seeds=seeds)
    data = reproduce.default_data()
    docs = course() / "docs"
    for problem in reproduce.collect(folder, data, docs / "images"):
        print(f"labkit: not in the table: {problem}", file=sys.stderr)
    print(f"Table: {reproduce.write_table(data, docs / 'reproductions.md')}")
    return code


def _load(path: Path) -> dict[str, Any]:
    """Return the tensors of a model's file by name; no code of the model runs."""
    _check_model_path(path, _MODELS)
    if path.suffix.lower() == ".npz":
        from labkit.methods import npz

        return npz.read(path)
    from labkit.keras2 import weight_files

    return weight_files.read(path)


def _check_model_path(path: Path, suffixes: tuple[str, ...]) -> None:
    """Raise LabkitError or UsageError when *path* cannot be a model's file with one of *suffixes*."""
    from labkit.base.errors import LabkitError, UsageError

    kinds = " or ".join([", ".join(suffixes[:-1]), suffixes[-1]])
    if path.is_dir() and (path / "saved_model.pb").exists():
        raise LabkitError(
            f"{path} is a SavedModel, whose graph is code and is not loaded: in the program that made it, write "
            f"model.save({path.name + '.keras'!r})."
        )
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"The model is {path}, but must be a {kinds} file.")


def _as_float32(tensors: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return *tensors* as float32, and the names of those that had to be rounded.

    Raises UsageError for what is no floating-point number, and for NaN and infinity.
    """
    import numpy as np

    from labkit.base.errors import UsageError

    converted: dict[str, Any] = {}
    rounded: list[str] = []
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "V" and tensor.dtype.fields is None and tensor.dtype.itemsize in (1, 2):
            likely = "bfloat16" if tensor.dtype.itemsize == 2 else "float8"
            raise UsageError(
                f"Tensor {name!r} has {tensor.dtype.itemsize} bytes per number and no type, most likely {likely}, "
                f"which a NumPy file does not store: save it with .astype('float32')."
            )
        if tensor.dtype.kind != "f":
            raise UsageError(
                f"Tensor {name!r} has dtype {tensor.dtype}, but a .lkz file holds floats: leave it out if it is not a "
                "weight (a step counter), or save it with .astype('float32')."
            )
        if not np.isfinite(tensor).all():
            raise UsageError(
                f"Tensor {name!r} holds NaN or infinity: train the model again with a smaller learning rate."
            )
        with np.errstate(over="ignore"):
            single = tensor.astype(np.float32)
        if not np.isfinite(single).all():
            raise UsageError(f"Tensor {name!r} holds numbers beyond float32's largest, 3.4e38: scale them down.")
        if not np.array_equal(single, tensor):
            rounded.append(name)
        converted[name] = single
    return converted, rounded


def _compared(size: int, plain: int) -> str:
    """Return in words how *size* bytes compare with *plain*, 4 bytes per weight."""
    if size > plain:
        larger = f"{size / plain:.2f} times larger than" if plain else "more than"
        return f"{larger} 4 bytes per weight, because names and shapes take more than zeros and shared values save"
    ratio = plain / size
    return f"{ratio:.1f} times smaller than 4 bytes per weight" if ratio >= 1.05 else "as large as 4 bytes per weight"
