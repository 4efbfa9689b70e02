"""The commands ``labkit compress``, ``expand`` and ``reproduce``; each imports its work when it is called."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

_COMPRESS = """examples:
  labkit compress pruned.keras -o pruned.lkz               codes the zeros that are there; the weights stay as they are
  labkit compress pruned.keras -o small.lkz --values 32    32 different values in each kernel at most
  labkit compress weights.npz -o weights.lkz               named arrays of float32, without TensorFlow"""
_EXPAND = """examples:
  labkit expand small.lkz -o weights.npz                   named arrays, for numpy.load
  labkit expand small.lkz -o small.keras --like pruned.keras    a model with the graph of pruned.keras"""
_REPRODUCE = """examples:
  labkit reproduce --list                                       the rows, and what they are published as
  labkit reproduce deep-compression-lenet-300-100 --seeds 1     one row, one seed
  labkit reproduce                                              all rows, all seeds: hours"""
_MODELS = ".keras, .h5 or .npz"


def register(subparsers: Any) -> None:
    """Add ``compress`` and ``expand`` to an argparse sub-parser collection; imports nothing heavy."""
    compress = _add(
        subparsers,
        "compress",
        "write a model's weights as a small .lkz file",
        "Write a model's weights as a .lkz file: zeros cost little, and so do weights that share values. Never trains.",
        _COMPRESS,
        _compress,
    )
    compress.add_argument("model", type=Path, metavar="MODEL", help=f"a {_MODELS} file")
    compress.add_argument("-o", dest="target", type=Path, required=True, metavar="FILE.lkz", help="the file to write")
    compress.add_argument(
        "--values",
        type=int,
        metavar="K",
        help="let each kernel have at most K different weights besides 0, by k-means; 1 to 65,536 (default: as is)",
    )
    expand = _add(
        subparsers,
        "expand",
        "read a .lkz file back into a model or arrays",
        "Read a .lkz file back: its tensors as .npz, or a .keras model with the graph of another one.",
        _EXPAND,
        _expand,
    )
    expand.add_argument("file", type=Path, metavar="FILE.lkz", help="a file that 'labkit compress' wrote")
    expand.add_argument(
        "-o", dest="target", type=Path, required=True, metavar="FILE", help=".npz, or .keras with --like"
    )
    expand.add_argument("--like", type=Path, metavar="MODEL", help="the model whose graph the .keras file gets")
    reproduce = _add(
        subparsers,
        "reproduce",
        "run what reaches for published figures, and write the table",
        "Run the pages that reach for published figures, over seeds, add what they measure to data/reproductions.json, "
        "and write docs/reproductions.md from it.",
        _REPRODUCE,
        _reproduce,
    )
    reproduce.add_argument("rows", nargs="*", metavar="ROW", help="rows of the table (default: all)")
    reproduce.add_argument("--seeds", metavar="S[,S]", help="other seeds than the row's own three")
    reproduce.add_argument("--list", action="store_true", help="name the rows, run nothing")
    reproduce.add_argument("--table", action="store_true", help="write the table from what was run, run nothing")


def _add(subparsers: Any, name: str, text: str, about: str, examples: str, handler: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=text, description=about, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(handler=handler)
    return parser


def _compress(arguments: argparse.Namespace) -> int:
    from labkit.base import files
    from labkit.base.errors import UsageError
    from labkit.methods import deep_compression as compress
    from labkit.methods import lkz

    if arguments.target.suffix != ".lkz":
        raise UsageError(f"-o is {arguments.target}, but takes a name that ends in .lkz.")
    if arguments.values is not None and not 1 <= arguments.values <= compress.MOST_VALUES:
        raise UsageError(f"--values is {arguments.values}, but takes 1 to {compress.MOST_VALUES:,}.")
    tensors = _load(arguments.model)
    data = compress.deep_compression(tensors, values=arguments.values)
    lkz.unpack(data)  # what cannot be read again is not written
    files.write(arguments.target, data)
    weights = sum(tensor.size for tensor in tensors.values())
    kept = sum(int((tensor != 0).sum()) for tensor in tensors.values())
    print(
        f"{arguments.target}: {len(data):,} bytes for {weights:,} weights, of which {kept:,} are not zero; "
        f"{4 * weights / len(data):.1f} times smaller than 4 bytes a weight."
    )
    return 0


def _expand(arguments: argparse.Namespace) -> int:
    import numpy as np

    from labkit.base import files
    from labkit.base.errors import UsageError
    from labkit.methods import lkz

    kind = arguments.target.suffix
    if kind not in (".npz", ".keras") or (kind == ".keras") != (arguments.like is not None):
        raise UsageError(
            f"-o is {arguments.target}, but takes a name that ends in .npz, or in .keras together with --like MODEL "
            "(a .lkz file holds weights and no graph)."
        )
    tensors = lkz.read(arguments.file)
    if kind == ".npz":
        with files.writing(arguments.target) as temporary, temporary.open("wb") as file:
            np.savez(file, **tensors)  # type: ignore[arg-type]
    else:
        from labkit.keras2.tensors import set_tensors

        model = _model(arguments.like)
        set_tensors(model, tensors)
        with files.writing(arguments.target) as temporary:
            model.save(temporary)
    print(f"{arguments.target}: {len(tensors)} tensors, {sum(tensor.size for tensor in tensors.values()):,} weights.")
    return 0


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
    """The tensors of a model's file, by name."""
    if path.suffix == ".npz":
        return _arrays(path)
    from labkit.keras2.tensors import tensors

    return tensors(_model(path))


def _arrays(path: Path) -> dict[str, Any]:
    import zipfile

    import numpy as np

    from labkit.base.errors import LabkitError

    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise LabkitError(f"Cannot read {path} as .npz ({_short(error)}): give named arrays of numbers.") from error


def _model(path: Path) -> Any:
    """The Keras 2 model in *path*. Its file may hold code of its own (Lambda layers), unlike a .lkz file."""
    from labkit.base.errors import LabkitError, UsageError

    if path.suffix not in (".keras", ".h5"):
        raise UsageError(f"The model is {path}, but takes a {_MODELS} file.")
    if not path.is_file():
        raise LabkitError(f"There is no file {path}: give the path of a {_MODELS} file.")
    import tensorflow as tf

    try:
        return tf.keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises nearly anything here
        raise LabkitError(
            f"Keras 2 cannot load {path} ({_short(error)}): give a file that tf.keras saved, without wrappers of TFMOT."
        ) from error


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120].rstrip(".")
