"""The switch to Keras 2, which TFMOT needs: set before TensorFlow resolves ``tf.keras``, or not at all."""

from __future__ import annotations

import os
import sys

from labkit.base.errors import LabkitError

VARIABLE = "TF_USE_LEGACY_KERAS"


def use_keras2() -> None:
    """Ask TensorFlow for Keras 2; raises LabkitError when ``tf.keras`` has already become Keras 3."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and _resolved_to_keras3(tensorflow):
        raise LabkitError(
            "TensorFlow was imported before labkit and has already chosen Keras 3, which TFMOT does not accept: "
            "restart the kernel and put 'import labkit' (or 'from labkit import start') before 'import tensorflow'."
        )
    os.environ[VARIABLE] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its messages go to build flags and absent GPUs


def _resolved_to_keras3(tensorflow: object) -> bool:
    """Whether ``tf.keras`` stands for Keras 3 already; reading ``tf.keras`` itself would resolve it."""
    lazy = vars(tensorflow).get("keras")
    return getattr(lazy, "__dict__", {}).get("_tfll_keras_version") == "keras_3"
