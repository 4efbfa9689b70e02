"""Load trained baselines: shipped with the course, or trained on first use and stored in the user's cache.

A baseline is three files: ``NAME.keras`` (no optimizer state), ``NAME.tflite`` (the same in float32) and ``NAME.json``,
its card. The card is written last and holds the checksums of the other two, so files without a card are unfinished.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.assets import cards, data, models, training_recipes
from labkit.assets.training_recipes import Recipe
from labkit.base import files, places
from labkit.base.errors import LabkitError, one_of, say_error
from labkit.deploy import content
from labkit.methods.tensor_limits import shown

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Baseline:
    """A trained network: its card, and where its two files are (verified when this was made)."""

    name: str
    dataset: str
    card: dict[str, Any]
    keras_path: Path
    tflite_path: Path

    def model(self) -> tf.keras.Model:
        """Return a fresh Keras 2 model with the trained weights, not compiled: each call gives another one."""
        import tensorflow as tf

        return tf.keras.models.load_model(self.keras_path, compile=False)


def baseline(name: str, dataset: str = "fashion_mnist", seed: int = 0, *, progress: bool = True) -> Baseline:
    """Return the trained network *name*: shipped, cached, or trained now (with a progress bar on standard error).

    Training runs in a process of its own: it leaves this one's random numbers and threads as they are. A second
    process that wants the same network waits for the first. In the fast profile the recipe may be shortened
    (``training_recipes.first_use``); a cached network of the full recipe is preferred to that.

    Raises UsageError for an unknown network or data set, LabkitError when a file is damaged, the data are missing or
    the cache cannot be written to.
    """
    import filelock

    one_of("network", name, models.NAMES)
    shipped = open_baseline(name, shipped_folder(dataset))
    if shipped is not None and shipped.card["seed"] == seed:
        return shipped
    images = data.checksum(data.load(dataset))
    wanted = training_recipes.first_use(name, dataset)
    for recipe in (training_recipes.recipe(name, dataset), wanted):
        found = open_baseline(name, cached_folder(name, images, seed, recipe))
        if found is not None:
            return found
    folder = cached_folder(name, images, seed, wanted)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder.with_suffix(".lock")):
            found = open_baseline(name, folder)  # another process may have made it while this one waited
            if found is None:
                _train_apart(name, dataset, seed, folder, progress)
                found = open_baseline(name, folder)
    except OSError as error:
        raise files.explain(error, folder) from error
    if found is None:
        raise LabkitError(f"{name} was trained, but {folder} does not hold it: make room there and try again.")
    return found


def train_baseline(
    name: str, dataset: str, seed: int, folder: Path, *, recipe: Recipe | None = None, progress: bool = True
) -> Baseline:
    """Train network *name* here and write its three files into *folder*; takes minutes.

    The test images are read once, for the card, through the ``.tflite`` file. Raises as ``baseline`` does; nothing is
    written when anything fails before the end of the training.
    """
    recipe = recipe or training_recipes.recipe(name, dataset)
    one_of("network", name, models.NAMES)
    images = data.load(dataset)
    _probe(folder)
    # All that is needed at the end is imported here, so that a broken installation shows before the training.
    from labkit.deploy import tflite
    from labkit.keras2 import cost, protect, training  # noqa: F401

    training.fix_threads()
    twin = models.build(name, seed, recipe.dropout)
    history = training.train(
        twin,
        *images.train,
        epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        batch_size=recipe.batch_size,
        schedule=recipe.schedule,
        augment=recipe.augment,
        seed=seed,
        validation=images.validation,
        progress=f"{name} on {dataset}" if progress else None,
    )
    model = models.build(name, seed)
    model.set_weights(twin.get_weights())
    keras_path, tflite_path, card_path = paths(name, folder)
    with files.writing(keras_path) as temporary:
        model.save(temporary)
    tflite.save(tflite.convert(model), tflite_path)
    card = cards.make(model, images, seed, recipe, history, keras_path, tflite_path)
    files.write(card_path, json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    return Baseline(name, dataset, card, keras_path, tflite_path)


def open_baseline(name: str, folder: Path) -> Baseline | None:
    """Return the baseline in *folder*, its files' checksums verified; None when its card is not there.

    Raises LabkitError when a file is missing or damaged.
    """
    keras_path, tflite_path, card_path = paths(name, folder)
    if not card_path.is_file():
        return None
    ours = folder.resolve().parent == shipped_folder("").resolve()
    remedy = "run 'git checkout data/models'" if ours else f"delete {folder} and try again"
    try:
        card = cards.read(card_path)
    except LabkitError as error:
        raise LabkitError(f"The model's card cannot be read ({error}): {remedy}.") from error.__cause__
    for path, digest in ((keras_path, card["sha256"]["keras"]), (tflite_path, card["sha256"]["tflite"])):
        if not path.is_file():
            raise LabkitError(f"{path} is missing: {remedy}.")
        if files.sha256(path) != digest:
            raise LabkitError(f"{path} is damaged (its checksum is not the card's): {remedy}.")
    if card["name"] != name:
        raise LabkitError(f"{card_path} is the card of {shown(card['name'])}: {remedy}.")
    content.trust(card["sha256"]["tflite"])
    return Baseline(name, card["dataset"], card, keras_path, tflite_path)


def shipped() -> tuple[list[Baseline], list[LabkitError]]:
    """Return every baseline that ships with the course, by data set, in the order of ``models.NAMES``.

    Beside them stand the reasons why others, whose files are damaged, cannot be opened.
    """
    sets = sorted(folder.name for folder in shipped_folder("").glob("*") if folder.is_dir())
    whole: list[Baseline] = []
    problems: list[LabkitError] = []
    for dataset in sets:
        for name in models.NAMES:
            try:
                one = open_baseline(name, shipped_folder(dataset))
            except LabkitError as error:
                problems.append(error)
                continue
            if one is not None:
                whole.append(one)
    return whole, problems


def paths(name: str, folder: Path) -> tuple[Path, Path, Path]:
    """Return where the Keras file, the ``.tflite`` file and the card of *name* stand in *folder*."""
    return folder / f"{name}.keras", folder / f"{name}.tflite", folder / f"{name}.json"


def shipped_folder(dataset: str) -> Path:
    """Return where the course keeps the shipped baselines of *dataset*."""
    return places.course() / "data" / "models" / dataset


def cached_folder(name: str, images: str, seed: int, recipe: Recipe) -> Path:
    """Return where the user's cache keeps this network; *images* is the data set's ``data.checksum``."""
    return places.cache() / "models" / cards.key(name, images, seed, recipe)


def _train_apart(name: str, dataset: str, seed: int, folder: Path, progress: bool) -> None:
    """Train in another process and pass on its progress bar; kill it when this process is interrupted."""
    code = "import sys; from labkit.assets import baselines; sys.exit(baselines._child(*sys.argv[1:]))"
    command = [sys.executable, "-P", "-c", code, name, dataset, str(seed), str(folder), "bar" if progress else ""]
    environment = os.environ | {"LABKIT_HOME": str(places.course())}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as child:
        said = ""
        try:
            # Without newline="" the bar's carriage returns would become new lines.
            with io.TextIOWrapper(child.stderr, "utf-8", errors="replace", newline="") as stream:  # type: ignore[type-var]
                while piece := stream.read(1):
                    said = (said + piece)[-4000:]
                    if progress:
                        sys.stderr.write(piece)
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        lines = [line for line in said.splitlines() if line.startswith("labkit: ")]
        raise LabkitError(
            lines[-1].removeprefix("labkit: ")
            if lines
            else f"Training {name} on {dataset} ended with exit code {child.returncode}: "
            f"run 'labkit models train {name} --dataset {dataset} --seed {seed}' to see why."
        )


def _child(name: str, dataset: str, seed: str, folder: str, bar: str) -> int:
    """Train in the other process."""
    recipe = training_recipes.first_use(name, dataset)
    try:
        train_baseline(name, dataset, int(seed), Path(folder), recipe=recipe, progress=bool(bar))
    except LabkitError as error:
        say_error(error)
        return error.exit_code
    return 0


def _probe(folder: Path) -> None:
    """Find out before minutes of training that *folder* cannot be written to."""
    probe = files.write(folder / ".probe", b"")
    probe.unlink(missing_ok=True)
