"""The shipped baselines are what their cards say, and others are made once and kept."""

from __future__ import annotations

import gzip
import shutil

import numpy as np
import pytest

from labkit.assets import baselines, cards, data, models, registry, training_recipes
from labkit.base import files
from labkit.base.errors import LabkitError, UsageError
from labkit.methods.statistics import wilson

LEAST = {"lenet_300_100": 0.895, "lenet5": 0.915, "ds_cnn": 0.905, "resnet8": 0.92}
each_network = pytest.mark.parametrize("name", models.NAMES)


@each_network
def test_the_card_is_true_to_its_files(name):
    from labkit.deploy.inspect import summary
    from labkit.keras2 import cost, protect

    one = baselines.baseline(name)
    card, model = one.card, one.model()
    assert card["sha256"] == {"keras": files.sha256(one.keras_path), "tflite": files.sha256(one.tflite_path)}
    assert card["bytes"] == {"keras": one.keras_path.stat().st_size, "tflite": one.tflite_path.stat().st_size}
    assert card["parameters"] == model.count_params() == cost.parameters(model)
    assert card["macs"] == cost.macs(model) == summary(one.tflite_path).macs
    assert card["weights_digest"] == protect.weights_digest(model)
    assert card["architecture_digest"] == cards.architecture_digest(models.build(name))
    assert cards.architecture_digest(model) == card["architecture_digest"]
    assert card["recipe"] == training_recipes.recipe(name, "fashion_mnist").fields()
    assert card["seed"] == 0 and card["data_checksum"] == data.checksum(data.load("fashion_mnist"))
    assert (card["test_accuracy_low"], card["test_accuracy_high"]) == wilson(card["test_correct"], 10_000)
    assert card["test_accuracy"] == card["test_correct"] / card["test_n"]
    assert model.optimizer is None


@each_network
def test_the_test_accuracy_measured_again_is_the_cards_and_meets_its_bound(name):
    from labkit.deploy import tflite

    one, images = baselines.baseline(name), data.load("fashion_mnist")
    outputs = tflite.predict(one.tflite_path, data.as_input(images.test.x), threads=2)
    correct = int(np.sum(outputs.argmax(axis=1) == images.test.y))
    assert abs(correct - one.card["test_correct"]) <= 2  # another processor may round a tie the other way
    assert one.card["test_accuracy"] >= LEAST[name]


@each_network
def test_the_two_files_of_a_baseline_compute_the_same(name):
    from labkit.deploy import tflite
    from labkit.keras2 import training

    one = baselines.baseline(name)
    x = data.load("fashion_mnist").validation.x[:50]
    ours, theirs = tflite.predict(one.tflite_path, data.as_input(x)), training.logits(one.model(), x)
    assert np.allclose(ours, theirs, atol=1e-3)


def test_each_call_gives_a_fresh_model():
    one = baselines.baseline("lenet_300_100")
    first, second = one.model(), one.model()
    first.layers[-1].kernel.assign_add(first.layers[-1].kernel)
    assert not np.array_equal(first.get_weights()[-2], second.get_weights()[-2])


def test_an_unknown_network_or_set():
    with pytest.raises(UsageError, match="did you mean lenet5"):
        baselines.baseline("lenet-5")
    with pytest.raises(UsageError, match="no data set 'kmnist'"):
        baselines.baseline("lenet5", "kmnist")


@pytest.mark.parametrize("damage", ["keras", "tflite", "json", "missing"])
def test_a_damaged_baseline_is_refused_with_the_remedy(tmp_path, monkeypatch, damage):
    folder = tmp_path / "data" / "models" / "fashion_mnist"
    shutil.copytree(baselines.shipped_folder("fashion_mnist"), folder)
    shutil.copy(registry.path(), tmp_path / "data")
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    if damage == "missing":
        (folder / "lenet5.keras").unlink()
    else:
        path = folder / f"lenet5.{damage}"
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LabkitError, match=r"lenet5\.\w+ .*: run 'git checkout data/models'\.$"):
        baselines.baseline("lenet5")
    assert baselines.baseline("lenet_300_100").name == "lenet_300_100"


def test_the_key_is_over_everything_that_shapes_a_baseline(monkeypatch):
    full = training_recipes.recipe("lenet5", "fashion_mnist")
    keys = {
        cards.key("lenet5", "a", 0, full),
        cards.key("ds_cnn", "a", 0, full),
        cards.key("lenet5", "b", 0, full),
        cards.key("lenet5", "a", 1, full),
        cards.key("lenet5", "a", 0, training_recipes.recipe("lenet5", "mnist")),
    }
    monkeypatch.setattr(cards.metadata, "version", lambda package: "0")
    keys.add(cards.key("lenet5", "a", 0, full))
    monkeypatch.setattr(cards, "code_digest", lambda: "0")
    keys.add(cards.key("lenet5", "a", 0, full))
    assert len(keys) == 7
    assert cards.key("lenet5", "a", 0, full) in keys


def test_the_fast_profile_shortens_what_would_take_minutes_and_says_so(monkeypatch):
    monkeypatch.setenv("LABKIT_PROFILE", "full")
    assert training_recipes.first_use("resnet8", "mnist") == training_recipes.recipe("resnet8", "mnist")
    monkeypatch.setenv("LABKIT_PROFILE", "fast")
    short = training_recipes.first_use("resnet8", "mnist")
    assert short.shortened and short.epochs == short.fast_epochs and short.fields()["shortened"]
    assert training_recipes.recipe("resnet8", "mnist").augment is None  # no mirrored digits


def test_another_baseline_is_trained_once_apart_and_kept(tiny, monkeypatch, capfd):
    import tensorflow as tf

    big_enough(tiny)
    monkeypatch.setenv("LABKIT_PROFILE", "fast")
    tf.random.set_seed(11)
    expected = float(tf.random.uniform(()))
    tf.random.set_seed(11)
    made = baselines.baseline("lenet_300_100", "tiny", seed=3)
    assert float(tf.random.uniform(())) == expected  # training elsewhere left this process' random numbers alone
    assert "lenet_300_100 on tiny" in capfd.readouterr().err
    assert made.keras_path.is_relative_to(tiny.cache / "models") and made.card["seed"] == 3
    assert made.model().count_params() == 266_610
    monkeypatch.setattr(baselines, "_train_apart", lambda *_: pytest.fail("trained again"))
    assert baselines.baseline("lenet_300_100", "tiny", seed=3).card == made.card

    made.tflite_path.write_bytes(b"damaged")
    with pytest.raises(LabkitError, match=r"is damaged .*: delete .* and try again\.$"):
        baselines.baseline("lenet_300_100", "tiny", seed=3)


def test_what_stops_the_training_is_told_in_its_own_sentence(tiny):
    big_enough(tiny)
    images = data.checksum(data.load("tiny"))
    folder = baselines.cached_folder("lenet_300_100", images, 0, training_recipes.first_use("lenet_300_100", "tiny"))
    folder.mkdir(parents=True)
    (tiny.home / "data" / "tiny" / "test_labels.gz").unlink()
    with pytest.raises(LabkitError, match=r"test_labels\.gz is not on this computer"):
        baselines._train_apart("lenet_300_100", "tiny", 0, folder, progress=False)
    assert not list(folder.iterdir())


def big_enough(tiny) -> None:
    """Give the tiny set pictures of 28 × 28, which the networks take."""
    rng = np.random.default_rng(0)
    for name, count in (("train", 300), ("test", 20)):
        header = b"\0\0\x08\3" + b"".join(size.to_bytes(4, "big") for size in (count, 28, 28))
        images = rng.integers(0, 256, count * 784, np.uint8).tobytes()
        tiny.contents[f"{name}_images"] = gzip.compress(header + images, mtime=0)
        labels = rng.integers(0, 10, count, np.uint8).tobytes()
        tiny.contents[f"{name}_labels"] = gzip.compress(b"\0\0\x08\1" + count.to_bytes(4, "big") + labels, mtime=0)
    tiny.write_registry()
    text = registry.path().read_text()
    for old, new in (
        ("[4, 3]", "[28, 28]"),
        ("= 7", "= 300"),
        ("test = 5", "test = 20"),
        ("validation = 2", "validation = 40"),
    ):
        text = text.replace(old, new)
    registry.path().write_text(text)
    registry._read.cache_clear()
    tiny.put(tiny.home / "data" / "tiny")


def test_the_readme_shows_the_cards_and_the_checksums():
    readme = (registry.path().parent / "README.md").read_text("utf-8")
    shown = readme.split("a test compares -->")[1].split("<!-- /models")[0].strip()
    assert shown == cards.table(one.card for one in baselines.shipped()[0])
    for file in registry.entry("fashion_mnist").files:
        assert file.accepted[1].sha256 in readme and f"{file.accepted[1].bytes:,}" in readme
