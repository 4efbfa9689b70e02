"""The four networks of the course: images float32 (n, 28, 28, 1) in [0, 1] to logits (n, 10).

All are functional Keras 2 models of plain named layers, so that TFMOT's pruning, clustering and quantization-aware
training accept them as they are. Batch normalisation has momentum 0.9: with Keras' 0.99 its running means lag so far
behind in a short training that the network is at chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.base.errors import one_of

if TYPE_CHECKING:
    import tensorflow as tf

NAMES = ("lenet_300_100", "lenet5", "ds_cnn", "resnet8")
SHAPE = (28, 28, 1)
CLASSES = 10
ABOUT = {
    "lenet_300_100": "LeNet-300-100: three dense layers (LeCun et al. 1998, as in the pruning literature)",
    "lenet5": "LeNet-5 as Caffe has it: conv 20, pool, conv 50, pool, 500, 10; here with ReLU after the convolutions",
    "ds_cnn": "a depthwise-separable network with batch normalisation, after MobileNet (arXiv:1704.04861)",
    "resnet8": "the ResNet-8 of MLPerf Tiny (arXiv:2106.07597), on 28 × 28 × 1",
}


def build(name: str, seed: int = 0, dropout: float = 0.0) -> tf.keras.Model:
    """Return the network *name* with fresh weights that depend on *seed* alone.

    ``dropout`` puts Dropout layers before the dense layers of the two LeNets: for the twin that is trained, whose
    weights are then set into the plain network (they have the same weights in the same order). Raises UsageError for
    an unknown name.
    """
    import tensorflow as tf

    one_of("network", name, NAMES)
    draw = _Layers(seed, dropout)
    inputs = tf.keras.Input(SHAPE, name="images")
    return tf.keras.Model(inputs, _BUILDERS[name](draw, inputs), name=name)


class _Layers:
    """Layers whose initial weights are drawn from *seed*, each layer its own."""

    def __init__(self, seed: int, dropout: float) -> None:
        import tensorflow as tf

        self.keras = tf.keras.layers
        self.initializers = tf.keras.initializers
        self.seed, self.share, self.count = seed, dropout, 0

    def _initial(self) -> Any:
        self.count += 1
        return self.initializers.HeUniform(seed=(self.seed * 1009 + self.count) % 2**31)

    def dense(self, x: Any, units: int, name: str, activation: str | None = None) -> Any:
        return self.keras.Dense(units, activation, kernel_initializer=self._initial(), name=name)(x)

    def conv(self, x: Any, filters: int, size: int, name: str, **options: Any) -> Any:
        options = {"padding": "same", "kernel_initializer": self._initial(), **options}
        return self.keras.Conv2D(filters, size, name=name, **options)(x)

    def depthwise(self, x: Any, name: str, strides: int = 1) -> Any:
        return self.keras.DepthwiseConv2D(
            3, strides, "same", use_bias=False, depthwise_initializer=self._initial(), name=name
        )(x)

    def norm(self, x: Any, name: str) -> Any:
        return self.keras.BatchNormalization(momentum=0.9, name=name)(x)

    def relu(self, x: Any, name: str) -> Any:
        return self.keras.ReLU(name=name)(x)

    def drop(self, x: Any, name: str) -> Any:
        return self.keras.Dropout(self.share, seed=self.seed, name=name)(x) if self.share else x


def _lenet_300_100(layers: _Layers, x: Any) -> Any:
    x = layers.keras.Flatten(name="flatten")(x)
    x = layers.drop(layers.dense(x, 300, "dense_1", "relu"), "drop_1")
    x = layers.drop(layers.dense(x, 100, "dense_2", "relu"), "drop_2")
    return layers.dense(x, CLASSES, "logits")


def _lenet5(layers: _Layers, x: Any) -> Any:
    for i, filters in ((1, 20), (2, 50)):
        x = layers.conv(x, filters, 5, f"conv_{i}", padding="valid", activation="relu")
        x = layers.keras.MaxPooling2D(2, name=f"pool_{i}")(x)
    x = layers.drop(layers.keras.Flatten(name="flatten")(x), "drop_1")
    x = layers.drop(layers.dense(x, 500, "dense_1", "relu"), "drop_2")
    return layers.dense(x, CLASSES, "logits")


def _ds_cnn(layers: _Layers, x: Any) -> Any:
    """Apply convolutions without bias, then normalization, then ReLU as separate layers, as TFMOT's QAT expects."""
    x = layers.conv(x, 32, 3, "conv_1", strides=2, use_bias=False)
    x = layers.relu(layers.norm(x, "bn_1"), "relu_1")
    for i, (filters, strides) in enumerate(((64, 1), (64, 1), (128, 2), (128, 1)), start=2):
        x = layers.depthwise(x, f"depthwise_{i}", strides)
        x = layers.relu(layers.norm(x, f"bn_{i}a"), f"relu_{i}a")
        x = layers.conv(x, filters, 1, f"pointwise_{i}", use_bias=False)
        x = layers.relu(layers.norm(x, f"bn_{i}b"), f"relu_{i}b")
    x = layers.keras.GlobalAveragePooling2D(name="mean")(x)
    return layers.dense(x, CLASSES, "logits")


def _resnet8(layers: _Layers, x: Any) -> Any:
    x = layers.relu(layers.norm(layers.conv(x, 16, 3, "conv_1"), "bn_1"), "relu_1")
    for i, (filters, strides) in enumerate(((16, 1), (32, 2), (64, 2)), start=2):
        y = layers.conv(x, filters, 3, f"conv_{i}a", strides=strides)
        y = layers.relu(layers.norm(y, f"bn_{i}a"), f"relu_{i}a")
        y = layers.norm(layers.conv(y, filters, 3, f"conv_{i}b"), f"bn_{i}b")
        if strides > 1:
            x = layers.conv(x, filters, 1, f"shortcut_{i}", strides=strides)
        x = layers.relu(layers.keras.Add(name=f"add_{i}")([x, y]), f"relu_{i}b")
    x = layers.keras.GlobalAveragePooling2D(name="mean")(x)
    return layers.dense(x, CLASSES, "logits")


_BUILDERS = {"lenet_300_100": _lenet_300_100, "lenet5": _lenet5, "ds_cnn": _ds_cnn, "resnet8": _resnet8}
