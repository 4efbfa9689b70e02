from . import (
    adam_loop as adam_loop,
    augment as augment,
    cost as cost,
    distill as distill,
    errors as errors,
    explanations as explanations,
    foreign_model as foreign_model,
    graph as graph,
    h5_child as h5_child,
    norms as norms,
    profiler as profiler,
    protect as protect,
    qat as qat,
    sharing as sharing,
    simulate as simulate,
    surgery as surgery,
    tensors as tensors,
    train_compressed as train_compressed,
    training as training,
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
