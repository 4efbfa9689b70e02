from . import (
    adam_loop as adam_loop,
    augment as augment,
    cost as cost,
    distill as distill,
    errors as errors,
    explanations as explanations,
    explanations_quantize as explanations_quantize,
    explanations_weights as explanations_weights,
    foreign_model as foreign_model,
    graph as graph,
    guards as guards,
    h5_child as h5_child,
    model as model,
    norms as norms,
    profiler as profiler,
    protect as protect,
    qat as qat,
    sentences as sentences,
    sharing as sharing,
    simulate as simulate,
    surgery as surgery,
    tensors as tensors,
    tracebacks as tracebacks,
    train_compressed as train_compressed,
    training as training,
    training_input as training_input,
    trim as trim,
    views as views,
    weight_files as weight_files,
    wrappers as wrappers,
)
from .distill import distillation as distillation
from .errors import translated as translated
from .graph import channel_groups as channel_groups
from .profiler import float_operations as float_operations
from .protect import clone as clone, weights_digest as weights_digest
from .surgery import (
    keep_channels as keep_channels,
    planned_widths as planned_widths,
    predicted_cost as predicted_cost,
    resize_dense as resize_dense,
    silenced as silenced,
)
from .training import compile as compile, evaluate as evaluate, logits as logits, train as train
from .trim import choose_channels as choose_channels, masked as masked, refit as refit
