"""The roofline against closed forms, the work of layers against formulas, layers cut out against the whole."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from labkit.assets.baselines import baseline
from labkit.base.errors import LabkitError, UsageError
from labkit.deploy import apart, inspect, roofline, single_layers, tflite
from labkit.methods import cost

MACHINE = roofline.Machine(peak=100e9, bandwidth=20e9)


def test_roofs_meet_at_the_ridge() -> None:
    assert MACHINE.ridge == 5 and MACHINE.stream == 15e9
    np.testing.assert_allclose(MACHINE.roof([0.5, 5, 50]), [10e9, 100e9, 100e9])


@pytest.mark.parametrize(
    "flops, moved, expected", [(1e9, 1e6, 0.01), (1e6, 1e9, 0.05), (5e9, 1e9, 0.05), (0, 0, 0), (0, 2e10, 1)]
)
def test_the_slower_half_decides(flops: float, moved: float, expected: float) -> None:
    assert roofline.predicted_seconds(flops, moved, 100e9, 20e9) == pytest.approx(expected)
    if moved:  # the same bound, asked as a speed
        assert flops / expected == pytest.approx(float(MACHINE.roof(flops / moved)))


def test_work_that_cannot_be() -> None:
    for values in ((-1, 1, 1, 1), (1, -1, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0), (float("nan"), 1, 1, 1)):
        with pytest.raises(UsageError, match="work must be ≥ 0"):
            roofline.predicted_seconds(*values)


def test_the_work_of_lenet5_by_formula() -> None:
    found = roofline.work(baseline("lenet5").tflite_path)
    assert [(each.name, each.kind) for each in found] == [
        ("conv2d 1", "conv2d"), ("conv2d 2", "conv2d"), ("dense 1", "dense"), ("dense 2", "dense"),
    ]  # fmt: skip
    macs = [
        cost.conv2d_macs((24, 24), (5, 5), 1, 20),
        cost.conv2d_macs((8, 8), (5, 5), 20, 50),
        cost.dense_macs(800, 500),
        cost.dense_macs(500, 10),
    ]
    assert [each.flops for each in found] == [2 * count for count in macs]
    values = [
        28 * 28 + cost.conv2d_parameters((5, 5), 1, 20) + 24 * 24 * 20,
        12 * 12 * 20 + cost.conv2d_parameters((5, 5), 20, 50) + 8 * 8 * 50,
        800 + cost.dense_parameters(800, 500) + 500,
        500 + cost.dense_parameters(500, 10) + 10,
    ]
    assert [each.bytes for each in found] == [4 * count for count in values]
    assert found[2].intensity == 2 * macs[2] / (4 * values[2])


def test_int8_moves_a_quarter_but_for_the_biases(net: SimpleNamespace) -> None:
    floats, whole = roofline.work(net.files["float32"]), roofline.work(net.files["int8_io"])
    biases = [12, 12, 12, 16, 10]
    assert [each.flops for each in floats] == [each.flops for each in whole]
    assert [(a.bytes - 4 * n) // 4 + 4 * n for a, n in zip(floats, biases, strict=True)] == [b.bytes for b in whole]


@pytest.mark.parametrize("name", ["float32", "int8_io"])
def test_the_layers_one_after_another_are_the_network(net: SimpleNamespace, name: str) -> None:
    content, image = net.files[name], net.x[:1]
    value = image
    if name == "int8_io":
        details = tflite.interpreter(content).get_input_details()[0]
        value = tflite.quantized(image, details)
    for alone in single_layers.single_layers(content):
        assert len(inspect.layers(alone)) == 1 == len(inspect.summary(alone).operators)
        runner = tflite.interpreter(alone)
        runner.allocate_tensors()
        given = runner.get_input_details()[0]
        runner.set_tensor(given["index"], value.reshape(given["shape"]).astype(given["dtype"]))
        runner.invoke()
        result = runner.get_output_details()[0]
        value = runner.get_tensor(result["index"])
    if name == "int8_io":
        scale, zero = result["quantization"]
        value = (value.astype("float32") - zero) * scale
    np.testing.assert_allclose(value, tflite.predict(content, image), atol=1e-5)


def test_layers_keep_what_they_are() -> None:
    path = baseline("ds_cnn").tflite_path
    for row, alone in zip(inspect.layers(path), single_layers.single_layers(path), strict=True):
        (only,) = inspect.layers(alone)
        assert (only.name, only.kind, only.parameters, only.macs) == (row.name, row.kind, row.parameters, row.macs)


def test_weights_that_are_unpacked_elsewhere_are_refused(net: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="float32 or int8"):
        single_layers.single_layers(net.files["float16"])
    with pytest.raises(LabkitError, match="damaged"):
        single_layers.single_layers(net.files["float32"][:-20])


def test_the_empty_call_adds() -> None:
    runner = tflite.interpreter(single_layers.overhead())
    runner.allocate_tensors()
    runner.set_tensor(runner.get_input_details()[0]["index"], np.array([[1.5]], np.float32))
    runner.invoke()
    assert runner.get_tensor(runner.get_output_details()[0]["index"]) == 3


def test_a_survey_has_every_layer_the_whole_the_call_and_the_machine(net: SimpleNamespace) -> None:
    survey = roofline.survey({"tiny": net.path}, seconds=0.05, array_mib=8)
    assert list(survey.works) == ["tiny conv2d 1", "tiny depthwise 1", "tiny conv2d 2", "tiny dense 1", "tiny dense 2"]
    assert set(survey.times) == {*survey.works, "tiny", "call", "product", "triad"}
    assert all(0 < each.low_ms <= each.median_ms <= each.high_ms for each in survey.times.values())
    assert survey.work_ms("call") == 0 < survey.work_ms("product")
    machine = survey.machine
    assert machine.peak == 2 * 256**3 / (survey.times["product"].low_ms / 1e3)
    assert machine.bandwidth == 4 * (4 << 20) / (survey.times["triad"].low_ms / 1e3)  # four arrays of 4 MiB
    with pytest.raises(UsageError, match="did you mean product"):
        survey.work_ms("prodct")


def test_the_machine_is_measured_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, size, name in (
        (0, 1, "seconds"),
        (float("nan"), 1, "seconds"),
        (1, 0, "array_mib"),
        (1, 1.5, "array_mib"),
        (1, True, "array_mib"),
    ):
        with pytest.raises(UsageError, match=f"^{name} is"):
            roofline.survey({}, seconds, size)  # type: ignore[arg-type]
    monkeypatch.setattr(apart.sys, "executable", "false")
    for measure in (lambda: roofline.survey({}, 0.05), lambda: roofline.triad([16], 0.05)):
        with pytest.raises(LabkitError, match="smaller arrays"):
            measure()


def test_the_triad_over_several_sizes() -> None:
    rates = roofline.triad([1024, 16, 5000], seconds=0.05)
    assert list(rates) == [1024, 16, 5000]
    assert all(len(each) >= 3 and each.min() > 1e8 for each in rates.values())
    for sizes, seconds, message in (([], 1, "no size"), ([8], 1, "size"), ([16], 0, "seconds")):
        with pytest.raises(UsageError, match=message):
            roofline.triad(sizes, seconds)


@pytest.mark.parametrize("floats", [4096, roofline._PIECE + 5, roofline._STRETCH, 2 * roofline._STRETCH + 1001])
def test_a_pass_of_the_triad_computes_every_element_of_its_arrays(floats: int) -> None:
    arrays = roofline._arrays(floats)
    stretches = roofline._stretches(arrays)
    for stretch in stretches:
        roofline._step(stretch)
    np.testing.assert_array_equal(arrays[0], 7)
    distinct = sum({a.ctypes.data: len(a) for stretch in stretches for a, _, _ in stretch}.values())
    assert distinct == floats
    assert roofline._pass(stretches) > 0


def test_caches_where_linux_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (level, kind, size) in enumerate(
        [(1, "Data", "48K"), (1, "Instruction", "32K"), (2, "Unified", "2048K")]
    ):
        (place := tmp_path / f"index{number}").mkdir()
        for name, text in (("level", str(level)), ("type", kind), ("size", size)):
            (place / name).write_text(text + "\n")
    monkeypatch.setattr(roofline, "_CACHES", tmp_path)
    assert roofline.caches() == {1: 48 << 10, 2: 2 << 20}
    monkeypatch.setattr(roofline, "_CACHES", tmp_path / "absent")
    assert roofline.caches() == {}
