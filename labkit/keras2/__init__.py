"""What TFMOT needs from Keras 2: protected baselines, a fast training loop, surgery, cost and translated errors."""

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
