"""Warm against cold: the same losses, weights and printed output, with TensorFlow itself.

On a toy lesson always; with ``--every-lesson`` (``make compare``), before a release, on all of the course.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import run_toys as toys

from labkit.base import places, source
from labkit.course import plan, run, serving

pytestmark = pytest.mark.skipif(not serving.supported(), reason="warm kernels need Linux")

# The last cell: what the page has trained, to the last bit.
LEFT = """
def left(value, depth=2):
    import hashlib
    if isinstance(getattr(value, "history", None), dict):
        return {name: list(map(float, values)) for name, values in value.history.items()}
    if callable(getattr(value, "get_weights", None)) and not isinstance(value, type):
        return hashlib.sha256(b"".join(weight.tobytes() for weight in value.get_weights())).hexdigest()
    if depth and isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {str(key): found for key, item in items if (found := left(item, depth - 1))}

import json
print("LEFT", json.dumps({name: found for name, value in sorted(globals().items())
                          if not name.startswith("_") and (found := left(value))}))
"""
TOY = [
    "import sys\nprint('tensorflow' in sys.modules, 'tensorflow_model_optimization' in sys.modules)",
    "from labkit.page import startup\nimport numpy as np\nimport tensorflow as tf",
    "import tensorflow_model_optimization as tfmot\nstartup.fix_threads_and_seeds(7)\nstartup.translate_errors()",
    "rng = np.random.default_rng(7)\nx = rng.normal(size=(600, 12)).astype('float32')\ny = (x.sum(1) > 0).astype(int)",
    "layers = tf.keras.layers\n"
    "model = tf.keras.Sequential([layers.Dense(16, 'relu', input_shape=(12,)), layers.Dropout(0.2), layers.Dense(2)])\n"
    "loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)\n"
    "model.compile('adam', loss, ['accuracy'])\nhistory = model.fit(x, y, epochs=3, verbose=0)\n"
    "print(history.history)\nmodel.summary()",
    "pruned = tfmot.sparsity.keras.prune_low_magnitude(model)\npruned.compile('adam', loss)\n"
    "again = pruned.fit(x, y, epochs=2, verbose=0, callbacks=[tfmot.sparsity.keras.UpdatePruningStep()])",
    "data = tf.data.Dataset.from_generator(lambda: iter(range(9)), output_signature=tf.TensorSpec((), tf.int64))\n"
    "print([int(one) for one in data.shuffle(9, seed=1).map(lambda n: n * n, num_parallel_calls=2)])",
    "@tf.function\ndef traced(n):\n    tf.print('traced', n, output_stream=sys.stdout)\n"
    "    return n + tf.random.normal(())\n"
    "print(float(traced(tf.constant(1.0))))",
    "file = tf.lite.TFLiteConverter.from_keras_model(model).convert()\nimport hashlib\n"
    "print(len(file), hashlib.sha256(file).hexdigest())",
    "import logging, warnings\ntf.get_logger().warning('from TensorFlow')\nwarnings.warn('from the page')\n"
    "logging.warning('from the log')",
    "import matplotlib, matplotlib.pyplot as plt\nprint(matplotlib.get_backend())\n"
    "_ = plt.plot(history.history['loss'])",
    ("tfmot.sparsity.keras.prune_low_magnitude(3)", "raises-exception"),
]
TIMED = re.compile(
    r"\b(?:n|µ|u|m)?s\b|\bseconds?\b|\b[Tt]imes?\b|\bquartiles\b|×|\bfaster\b|\bslower\b|\blatency\b|\ba second\b|step"
    r"|FLOP|(?:^|\| )ratio\b"
)
NUMBER = re.compile(r" *[-+]?\d[\d.,]*(?:e[-+]?\d+)?|[━=.>]{3,}")  # NumPy pads its numbers
ADDRESS = re.compile(r"0x[0-9a-f]+|/tmp/[\w./-]+")


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """That of ``make test``, or one of this module's own."""
    with serving.serving():
        yield


def told(number: str, kernel: str, folder: Path) -> list[tuple[str, str]]:
    """What the solved edition of a lesson shows on *kernel*, in fast: kind and text of each output."""
    job = plan.plan([number], profile="fast", kernel=kernel)[0][0]
    content = json.loads(Path(job.notebook).read_text(encoding="utf-8"))
    cell = {"cell_type": "code", "id": "left", "source": LEFT, "metadata": {}, "outputs": [], "execution_count": None}
    content["cells"].append(cell)
    toys.write(copy := folder / f"{job.name}.ipynb", json.dumps(content))
    ran = run.execute([replace(job, notebook=str(copy))], folder / kernel)
    outcome = ran.outcomes[0]
    assert outcome.status == "ok", outcome.message
    page = json.loads(job.paths(folder / kernel)[0].read_text(encoding="utf-8"))
    outputs = [shown(output) for cell in page["cells"] for output in cell.get("outputs", [])]
    if any(text.endswith("no guess made") and TIMED.search(text) for _, text in outputs):  # asked was for a time
        outputs = [(kind, "" if text.endswith("no guess was made") else text) for kind, text in outputs]
    return outputs


def shown(output: dict[str, Any]) -> tuple[str, str]:
    """Kind and text of an output, without addresses in memory, and without the figures of lines that tell times."""
    data = output.get("data", {})
    text = output.get("text") or data.get("text/plain") or f"{output.get('ename')}: {output.get('evalue')}"
    lines = ADDRESS.sub("0x", "".join(text)).splitlines()
    if lines and " | " in lines[0] and TIMED.search(lines[0]):  # a table that has times: its other columns only
        keep = [not TIMED.search(head) and head != "n" for head in lines[0].split(" | ")]
        rows = [line.split(" | ") for line in lines]
        lines = [" | ".join(word for word, wanted in zip(row, keep, strict=False) if wanted) for row in rows]
    plain = [line if line.startswith("LEFT") or not TIMED.search(line) else NUMBER.sub("#", line) for line in lines]
    return output.get("name") or output["output_type"], "\n".join(plain)


def test_a_lesson_with_tensorflow_is_the_same_warm_and_cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "course"))
    toys.course(tmp_path / "course", {"31": TOY}, budgets={"31": {"fast": 100, "full": 100}})
    cold, warm = (told("31", kernel, tmp_path) for kernel in ("cold", "warm"))
    left = json.loads(cold[-1][1].removeprefix("LEFT "))
    assert left["history"]["loss"][0] > left["history"]["loss"][-1] and len(left["model"]) == 64
    assert {"again", "pruned"} <= left.keys()
    assert any("from TensorFlow" in text for _, text in cold) and cold[0][1] == "False False"
    assert warm == cold


@pytest.mark.parametrize("number", [lesson.number for lesson in source.lessons()])
def test_a_lesson_of_the_course_is_the_same_warm_and_cold(
    number: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--every-lesson"):
        pytest.skip("with --every-lesson, as in make compare")
    assert places.course()
    cold, warm = (told(number, kernel, tmp_path) for kernel in ("cold", "warm"))
    assert warm == cold
