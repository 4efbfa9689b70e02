"""The switch to Keras 2, which TFMOT needs: set before TensorFlow is imported, or not at all."""

from __future__ import annotations

import os
import sys

from labkit.base.errors import LabkitError

VARIABLE = "TF_USE_LEGACY_KERAS"


def use_keras2() -> None:
    """Select Keras 2 for TensorFlow; raises LabkitError when TensorFlow was imported without the switch before.

    TensorFlow reads the switch while it is imported (where ``from tensorflow.keras import …`` looks) and again when
    ``tf.keras`` is first used: set in between, one program would get layers of Keras 3 and of Keras 2.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and vars(tensorflow).get("_tf_uses_legacy_keras") is False:
        raise LabkitError(
            "TensorFlow was imported before labkit and has already chosen Keras 3, which TFMOT does not accept: "
            "restart the kernel and put 'import labkit' (or 'from labkit import start') before 'import tensorflow'."
        )
    os.environ[VARIABLE] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its messages go to build flags and absent GPUs
