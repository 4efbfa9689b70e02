"""The training recipe of each network: chosen on the validation images, run on the other training images.

The test images have no part in a recipe. Flipping left to right makes sense for clothes and not for digits, so it
belongs to the data set as much as to the network.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from labkit.assets.models import NAMES
from labkit.base import profile
from labkit.base.errors import one_of

_MIRRORED = ("fashion_mnist",)  # data sets whose pictures mean the same in a mirror


@dataclass(frozen=True)
class Recipe:
    """Adam's learning rate, falling along a cosine to zero; batches; passes; dropout of the twin that is trained.

    ``fast_epochs``: passes in the fast profile, so that a first use stays under a minute. A recipe that was shortened
    so says it (``shortened``), and so does the model's card.
    """

    epochs: int
    fast_epochs: int
    learning_rate: float
    batch_size: int = 128
    schedule: str = "cosine"
    dropout: float = 0.0
    augment: str | None = None
    shortened: bool = False

    def fields(self) -> dict[str, Any]:
        """Return the fields that determine the weights, as a card and a cache key store them."""
        return {key: value for key, value in asdict(self).items() if key != "fast_epochs"}


_RECIPES = {
    "lenet_300_100": Recipe(epochs=40, fast_epochs=15, learning_rate=1e-3, dropout=0.1, augment="flip"),
    "lenet5": Recipe(epochs=20, fast_epochs=4, learning_rate=1e-3, dropout=0.2, augment="flip"),
    "ds_cnn": Recipe(epochs=20, fast_epochs=2, learning_rate=3e-3, augment="flip"),
    "resnet8": Recipe(epochs=16, fast_epochs=1, learning_rate=2e-3, augment="flip"),
}


def recipe(name: str, dataset: str) -> Recipe:
    """Return the recipe of network *name* on *dataset*, in full in every profile; raises UsageError if unknown."""
    found = _RECIPES[one_of("network", name, NAMES)]
    return found if dataset in _MIRRORED else replace(found, augment=None)


def first_use(name: str, dataset: str) -> Recipe:
    """Return the recipe for a baseline that does not ship; the profile *fast* uses ``fast_epochs``."""
    full = recipe(name, dataset)
    if profile.current() != "fast" or full.fast_epochs >= full.epochs:
        return full
    return replace(full, epochs=full.fast_epochs, shortened=True)
