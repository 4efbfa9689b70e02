"""A measurement from end to end, on a network whose answers are known."""

from __future__ import annotations

import json
import zlib
from types import SimpleNamespace

import numpy as np
import pytest

from labkit.assets import models
from labkit.base.errors import LabkitError
from labkit.deploy import tflite
from labkit.deploy.accuracy import accuracy
from labkit.deploy.model import Model
from labkit.methods.statistics import wilson
from labkit.session import measure
from labkit.session.events import Measurement


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A dense network that answers with the number of the brightest of the first ten pixels."""
    import tensorflow as tf

    model = tf.keras.Sequential(
        [
            tf.keras.layers.Input((28, 28, 1)),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(10, name="logits"),
        ]
    )
    kernel = np.zeros((784, 10), np.float32)
    kernel[np.arange(10), np.arange(10)] = 1
    model.set_weights([kernel, np.full(10, 0.5, np.float32)])
    images = np.random.default_rng(0).integers(0, 100, (50, 28, 28), np.uint8)
    answers = np.arange(50) % 10
    images[np.arange(50), 0, answers] = 200
    labels = answers.astype(np.uint8)
    labels[:8] = (labels[:8] + 1) % 10  # eight are labelled otherwise
    path = tflite.save(tflite.convert(model), tmp_path_factory.mktemp("known") / "known.tflite")
    return SimpleNamespace(model=model, path=path, split=SimpleNamespace(x=images, y=labels))


def taken(source, known, **changes):  # type: ignore[no-untyped-def]
    options = dict(
        lesson="31",
        name="n",
        technique="t",
        network="w",
        dataset="d",
        split=known.split,
        split_name="test",
        seconds=0.05,
    )
    network = changes.get("network", "lenet_300_100")
    model = Model.open(source, lambda weights: models.build(network), threads=changes.get("threads", 1))
    return measure.measure(model, **(options | changes))


def test_model_path_and_bytes_measure_alike(known: SimpleNamespace) -> None:
    content = known.path.read_bytes()
    rows = [taken(source, known, latency=False) for source in (known.model, known.path, str(known.path), content)]
    assert rows[0] == rows[1] == rows[2] == rows[3]
    row = rows[0]
    assert (row.correct, row.n, row.accuracy) == (42, 50, 0.84)
    assert (row.accuracy_low, row.accuracy_high) == pytest.approx(wilson(42, 50, 0.95))
    assert row.error == pytest.approx(0.16)
    assert (row.parameters, row.nonzero, row.macs) == (7850, 20, 7840)
    assert row.bytes == known.path.stat().st_size == row.kib * 1024
    assert row.compressed_bytes == len(zlib.compress(content, 9)) < row.bytes / 10
    assert (row.latency_ms, row.latency_low_ms, row.latency_high_ms, row.latency_ratio) == (None,) * 4
    assert row.cpu


def test_latency_and_its_ratio(known: SimpleNamespace) -> None:
    alone = taken(known.path, known)
    assert alone.latency_ratio == 1.0
    assert 0 < alone.latency_low_ms <= alone.latency_ms <= alone.latency_high_ms
    compared = taken(known.model, known, reference=Model.open(known.path), seconds=0.3)
    assert compared.latency_ratio == pytest.approx(1, rel=0.5)  # the same file against itself


def test_a_record_is_plain(known: SimpleNamespace) -> None:
    row = taken(known.path, known, threads=2)
    record = json.loads(json.dumps(row.to_dict()))
    assert Measurement.from_dict(record) == row
    assert record["threads"] == 2


def test_accuracy_and_what_computes_it(known: SimpleNamespace) -> None:
    content = known.path.read_bytes()
    assert Model.open(known.path).content == Model.open(content).content == content
    assert accuracy(Model.open(known.path), known.split.x, known.split.y, threads=2) == (42, 50)


def test_an_empty_or_uneven_split(known: SimpleNamespace) -> None:
    for x, y in ((known.split.x[:0], known.split.y[:0]), (known.split.x, known.split.y[:3])):
        with pytest.raises(LabkitError, match="as many classes as images"):
            accuracy(Model.open(known.path), x, y)


def test_what_is_no_model(known: SimpleNamespace) -> None:
    with pytest.raises(LabkitError, match=r"tf\.keras"):
        taken(None, known)
    with pytest.raises(LabkitError, match=r"\.tflite"):
        taken(b"no model", known)


def test_a_lkz_file_is_measured_by_its_weights_and_its_own_bytes(known: SimpleNamespace, tmp_path) -> None:
    from labkit.keras2.tensors import tensors
    from labkit.methods import deep_compression, lkz

    model = models.build("lenet_300_100", 1)
    path = tmp_path / "small.lkz"
    weights = {name: tensor + 0.01 * (tensor.ndim == 1) for name, tensor in tensors(model).items()}
    lkz.write(path, {name: deep_compression.share(tensor, 4).rounded().expand() for name, tensor in weights.items()})
    row = taken(path, known, latency=False, network="lenet_300_100")
    assert row.bytes == path.stat().st_size < row.parameters and row.parameters == 266_610
    assert row.compressed_bytes == len(zlib.compress(path.read_bytes(), 9))
    model.set_weights(list(lkz.read(path).values()))
    assert row.correct == taken(model, known, latency=False).correct
    with pytest.raises(LabkitError, match=r"no tensor|no weight"):
        taken(path, known, network="lenet5")
    with pytest.raises(LabkitError, match="damaged"):
        path.write_bytes(path.read_bytes()[:-2])
        taken(path, known, network="lenet_300_100")
    with pytest.raises(LabkitError, match=r"no file"):
        taken(tmp_path / "none.lkz", known)
