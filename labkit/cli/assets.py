"""The commands ``labkit data`` and ``labkit models``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from labkit.cli import command


def register(subparsers: Any) -> None:
    """Add ``data`` and ``models`` to the command line; imports nothing heavy."""
    data = command.add(
        subparsers,
        "data",
        "list, download or verify data sets",
        "labkit data get mnist      download MNIST once, into your cache",
        about="List, download or verify the data sets of the course.",
    )
    actions = data.add_subparsers(dest="action", metavar="ACTION", required=True)
    command.add(actions, "list", "list each data set and its folder", "labkit data list", _data_list)
    get = command.add(
        actions, "get", "find or download one data set, and verify it", "labkit data get mnist", _data_get
    )
    get.add_argument("name", metavar="NAME", help="a data set from 'labkit data list'")
    command.add(
        actions, "verify", "compare every file on this computer with its checksum", "labkit data verify", _data_verify
    )

    models = command.add(
        subparsers,
        "models",
        "list or train baseline networks",
        "labkit models train lenet5 --dataset mnist --seed 1",
        about="List the trained networks of the course, or train one again.",
    )
    actions = models.add_subparsers(dest="action", metavar="ACTION", required=True)
    command.add(actions, "list", "list the baselines in the repository", "labkit models list", _models_list)
    train = command.add(
        actions,
        "train",
        "train one network, and store it in your cache or a folder",
        "labkit models train lenet_300_100 --dataset fashion_mnist --seed 0 -o build/models",
        _models_train,
    )
    train.add_argument("name", metavar="NAME", help="a network from 'labkit models list'")
    train.add_argument("--dataset", default="fashion_mnist", metavar="D", help="the data set (default: %(default)s)")
    train.add_argument("--seed", default=0, type=int, metavar="S", help="random seed, 0 to 2**31 - 1 (default: 0)")
    train.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="the folder for the files (default: your cache)"
    )


def _data_list(_: argparse.Namespace) -> int:
    from labkit.assets import data, registry
    from labkit.base.errors import LabkitError

    for name in registry.names():
        entry = registry.entry(name)
        try:
            copies = [data.look(entry, file) for file in entry.files]
            here = sorted({f"{copy.path.parent} ({copy.what})" for copy in copies if copy is not None})
            state = "; ".join(here) if None not in copies else f"not here: labkit data get {name}"
        except LabkitError as error:
            state = f"damaged: {error}"
        print(f"{name:14} {entry.about}\n{'':14} {entry.licence}\n{'':14} {state}")
    return 0


def _data_get(arguments: argparse.Namespace) -> int:
    from labkit.assets import data, registry

    entry = registry.entry(arguments.name)
    for file in entry.files:
        copy = data.find(entry, file)
        print(f"{copy.path}: {len(copy.content):,} bytes, checksum right ({copy.what})")
    return 0


def _data_verify(_: argparse.Namespace) -> int:
    from labkit.assets import baselines, data, models, registry
    from labkit.base.errors import LabkitError, say_error

    failed = 0

    def report(check: Any) -> None:
        nonlocal failed
        try:
            print(check())
        except LabkitError as error:
            say_error(error)
            failed = 1

    for name in registry.names():
        entry = registry.entry(name)
        for file in entry.files:

            def state(entry: registry.Entry = entry, file: registry.File = file) -> str:
                copy = data.look(entry, file)
                return f"{copy.path}: right ({copy.what})" if copy else f"{entry.name}/{file.name}: not here"

            report(state)
    for folder in sorted(path for path in baselines.shipped_folder("").glob("*") if path.is_dir()):
        for name in models.NAMES:

            def trained(name: str = name, folder: Path = folder) -> str:
                one = baselines.open_baseline(name, folder)
                return f"{one.keras_path} and .tflite: right" if one else f"{folder / name}: does not ship"

            report(trained)
    return failed


def _models_list(_: argparse.Namespace) -> int:
    from labkit.assets import baselines, models
    from labkit.base.errors import say_error

    whole, problems = baselines.shipped()
    for one in whole:
        card = one.card
        low, high = 100 * card["test_accuracy_low"], 100 * card["test_accuracy_high"]
        print(
            f"{one.name:14} {models.ABOUT[one.name]}\n{'':14} {one.dataset}: {100 * card['test_accuracy']:.2f} % of "
            f"{card['test_n']:,} test images right (95 % interval {low:.2f} to {high:.2f}), "
            f"{card['parameters']:,} parameters, {card['macs']:,} multiply-adds, {card['bytes']['tflite']:,} bytes"
        )
    for problem in problems:
        say_error(problem)
    return 1 if problems else 0


def _models_train(arguments: argparse.Namespace) -> int:
    from labkit.assets import baselines, data, models, registry, training_recipes
    from labkit.base.errors import UsageError, one_of

    name = one_of("network", arguments.name, models.NAMES)
    dataset = registry.entry(arguments.dataset).name
    if not 0 <= arguments.seed < 2**31:
        raise UsageError(f"The seed is {arguments.seed}, but must be 0 to 2**31 - 1.")
    folder = arguments.output or baselines.cached_folder(
        name, data.checksum(data.load(dataset)), arguments.seed, training_recipes.recipe(name, dataset)
    )
    shipped = baselines.open_baseline(name, baselines.shipped_folder(dataset))
    made = baselines.train_baseline(name, dataset, arguments.seed, folder)
    card = made.card
    low, high = 100 * card["test_accuracy_low"], 100 * card["test_accuracy_high"]
    print(f"{made.keras_path}, .tflite and .json written after {card['training_seconds']:.0f} s of training.")
    print(f"{100 * card['test_accuracy']:.2f} % of {card['test_n']:,} test images right ({low:.2f} to {high:.2f}).")
    if shipped is not None and shipped.card["seed"] == arguments.seed:
        print(_compare(card, shipped.card))
    return 0


def _compare(card: dict[str, Any], shipped: dict[str, Any]) -> str:
    if card["weights_digest"] == shipped["weights_digest"]:
        return "The weights equal the shipped ones, bit for bit."
    differing = [key for key in ("recipe", "versions", "machine", "data_checksum") if card[key] != shipped[key]]
    reason = f"the two cards differ in {', '.join(differing)}" if differing else "another processor rounds differently"
    return (
        f"The weights are not those that ship, which have {100 * shipped['test_accuracy']:.2f} % "
        f"(likely because {reason})."
    )
