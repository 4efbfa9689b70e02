"""The card that describes a trained baseline, and its key in the cache."""

from __future__ import annotations

import ast
import datetime
import hashlib
import json
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import labkit
from labkit.assets import data
from labkit.assets.training_recipes import Recipe
from labkit.base import files
from labkit.base.errors import LabkitError

if TYPE_CHECKING:
    import tensorflow as tf

    from labkit.keras2.training import History

# What shapes the weights beside recipe, data and seed: these modules of labkit, and these packages.
_CODE = ("assets/models.py", "keras2/training.py", "keras2/augment.py")
_SHAPING = ("tensorflow", "tf-keras", "numpy")
_NAMED = (*_SHAPING, "ai-edge-litert")


_MOST_BYTES = 2**20  # of a card
_NUMBERS = ("test_accuracy", "test_accuracy_low", "test_accuracy_high", "validation_accuracy")
_COUNTS = ("test_n", "parameters", "macs", "seed", "validation_n")
_TEXTS = ("name", "dataset", "weights_digest", "data_checksum")


def read(path: Path) -> dict[str, Any]:
    """Return the card in the file *path*, with every field that the commands and the pages read.

    Raises LabkitError when the file cannot be read, is too large, or is no card: one field missing or of another kind
    is enough.
    """
    content = files.read(path, _MOST_BYTES, "a model's card")
    try:
        card = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise LabkitError(f"{path} is not JSON") from error
    if not isinstance(card, dict):
        raise LabkitError(f"{path} describes no model")
    for fields, kind in ((_NUMBERS, (int, float)), (_COUNTS, (int,)), (_TEXTS, (str,))):
        for field in fields:
            if not isinstance(card.get(field), kind) or isinstance(card[field], bool):
                raise LabkitError(f"{path} has not the field {field}")
    for field, item_kind in (("bytes", int), ("sha256", str)):
        value = card.get(field)
        if not isinstance(value, dict) or not all(isinstance(value.get(key), item_kind) for key in ("keras", "tflite")):
            raise LabkitError(f"{path} has not the field {field}")
    for field in ("recipe", "versions"):
        if not isinstance(card.get(field), dict):
            raise LabkitError(f"{path} has not the field {field}")
    if not isinstance(card.get("machine"), str):
        raise LabkitError(f"{path} has not the field machine")
    return card


def key(name: str, images: str, seed: int, recipe: Recipe) -> str:
    """Return a SHA-256 over everything that shapes the weights: two baselines of one key are made in one way.

    That is: network and training as code, recipe, data (*images* is ``data.checksum``), seed, versions.
    Needs no TensorFlow.
    """
    parts = {
        "network": name,
        "code": code_digest(),
        "recipe": recipe.fields(),
        "data": images,
        "seed": seed,
        "versions": {package: metadata.version(package) for package in _SHAPING},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def code_digest() -> str:
    """Return a SHA-256 over the statements of the modules that shape the weights, without comments and docstrings."""
    digest = hashlib.sha256()
    for module in _CODE:
        tree = ast.parse((Path(labkit.__file__).parent / module).read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()


def architecture_digest(model: tf.keras.Model) -> str:
    """Return a SHA-256 over the model's configuration (layers, shapes, names, activations), initializers left out."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items() if not key.endswith("_initializer")}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    return hashlib.sha256(json.dumps(plain(model.get_config()), sort_keys=True).encode()).hexdigest()


def make(
    model: tf.keras.Model,
    images: data.Dataset,
    seed: int,
    recipe: Recipe,
    history: History,
    keras_path: Path,
    tflite_path: Path,
) -> dict[str, Any]:
    """Return the card of a trained model whose two files are written; reads the test images through ``.tflite``."""
    from labkit.deploy import tflite
    from labkit.keras2 import cost, protect
    from labkit.methods.statistics import wilson

    right = {}
    for split in ("validation", "test"):
        x, y = getattr(images, split)
        right[split] = int(np.sum(tflite.predict(tflite_path, data.as_input(x)).argmax(axis=1) == y))
    n = len(images.test.y)
    low, high = wilson(right["test"], n)
    options = " (LABKIT_PROFILE=fast, on first use)" if recipe.shortened else ""
    return {
        "name": model.name,
        "dataset": images.name,
        "test_accuracy": right["test"] / n,
        "test_accuracy_low": low,
        "test_accuracy_high": high,
        "test_correct": right["test"],
        "test_n": n,
        "validation_accuracy": right["validation"] / len(images.validation.y),
        "validation_n": len(images.validation.y),
        "parameters": cost.parameters(model),
        "macs": cost.macs(model),
        "bytes": {"keras": keras_path.stat().st_size, "tflite": tflite_path.stat().st_size},
        "sha256": {"keras": files.sha256(keras_path), "tflite": files.sha256(tflite_path)},
        "weights_digest": protect.weights_digest(model),
        "architecture_digest": architecture_digest(model),
        "data_checksum": data.checksum(images),
        "seed": seed,
        "command": f"labkit models train {model.name} --dataset {images.name} --seed {seed}{options}",
        "recipe": recipe.fields(),
        "training_images": len(images.train.y),
        "training_seconds": round(sum(history["seconds"]), 1),
        "loss_by_epoch": [round(value, 5) for value in history["loss"]],
        "validation_accuracy_by_epoch": [round(value, 4) for value in history["val_accuracy"]],
        "versions": {"python": platform.python_version(), **{p: metadata.version(p) for p in _NAMED}},
        "machine": f"{platform.system()} {platform.machine()}, 2 threads inside an operation, 1 between",
        "date": datetime.date.today().isoformat(),
    }


def table(cards: Iterable[dict[str, Any]]) -> str:
    """Return the cards as a Markdown table, as ``data/README.md`` has it."""
    lines = [
        "| network | data set | test accuracy (95 % interval) | validation | parameters | multiply-adds | `.tflite` |",
        "|---|---|---|---|---|---|---|",
    ]
    for card in cards:
        low, high = 100 * card["test_accuracy_low"], 100 * card["test_accuracy_high"]
        lines.append(
            f"| `{card['name']}` | `{card['dataset']}` | {100 * card['test_accuracy']:.2f} % ({low:.2f} to {high:.2f}) "
            f"| {100 * card['validation_accuracy']:.2f} % | {card['parameters']:,} | "
            f"{card['macs']:,} | {card['bytes']['tflite']:,} bytes |"
        )
    return "\n".join(lines)
