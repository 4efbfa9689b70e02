"""TensorFlow's own count of a Keras 2 model's floating-point operations, to compare ours with."""

from __future__ import annotations

import tensorflow as tf

from labkit.base.quiet import native_stderr
from labkit.keras2.model import Model
from labkit.keras2.protect import require_graph

__all__ = ["float_operations"]


def float_operations(model: Model) -> dict[str, int]:
    """Return floating-point operations for one input, by TensorFlow's profiler: node type → count, the largest first.

    The nodes that multiply and accumulate (``Conv2D``, ``DepthwiseConv2dNative``, ``MatMul``) count 2 for each MAC.
    The graph is that of inference as Keras traces it: nothing is folded yet, and node types that the profiler has no
    formula for (``FusedBatchNormV3``) are missing. Raises LabkitError for a Keras 3, subclassed or unbuilt model.
    """
    require_graph(model, "profile it")
    profiler = tf.compat.v1.profiler
    call = tf.function(lambda x: model(x, training=False))
    graph = call.get_concrete_function(tf.TensorSpec((1, *model.input_shape[1:]))).graph
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    options["account_type_regexes"] = [".*"]
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # the profiler calls a function of TensorFlow's own that is deprecated, and says so
    try:
        with native_stderr():
            root = profiler.profile(graph, cmd="op", options=options)
    finally:
        logger.setLevel(level)
    counts: dict[str, int] = {}
    nodes = [root]
    while nodes:
        node = nodes.pop()
        nodes += node.children
        if node.float_ops:
            counts[node.name] = counts.get(node.name, 0) + int(node.float_ops)
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))
