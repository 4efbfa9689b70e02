"""Train and change Keras 2 models, which TFMOT needs: training, pruning, sharing, quantization in training, surgery.

Belongs here: what takes a Keras model and returns a model, its weights or its cost; TFMOT's errors in one sentence.
Does not belong here: formulas on arrays (`methods`), deployed files (`deploy`), and stored networks (`assets`).
"""

from importlib import import_module
from typing import Any

# The names that pages use; each brings TensorFlow only when it is first asked for. labkit.authoring.reach reads it too.
_WHERE = {
    "clone": "protect",
    "weights_digest": "protect",
    "compile": "training",
    "distillation": "distill",
    "logits": "training",
    "train": "training",
    "float_operations": "profiler",
    "channel_groups": "graph",
    "choose_channels": "trim",
    "keep_channels": "surgery",
    "masked": "trim",
    "planned_widths": "surgery",
    "predicted_cost": "surgery",
    "refit": "trim",
    "resize_dense": "surgery",
    "silenced": "surgery",
    "translated": "errors",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"labkit.keras2.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'labkit.keras2' has no attribute {name!r}")
