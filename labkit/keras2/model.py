"""The type of a Keras 2 model in signatures; naming it does not import TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import tensorflow as tf

Model: TypeAlias = "tf.keras.Model"
