"""The published figures that the course claims to reach, each with the page, the parameters and the claims for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """A published figure: where it stands, the page that reaches for it, and that page's claims (by their text)."""

    id: str
    published: str
    source: str
    lesson: str
    claims: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (1, 2, 3)
    picture: bool = False  # whether the page's last figure shows it

    @property
    def settings(self) -> list[str]:
        """Its parameters and seeds as words for ``labkit run -p``."""
        words = [f"{name}={value}" for name, value in self.parameters.items()]
        return [*words, "seed=" + ",".join(map(str, self.seeds))]

    @property
    def command(self) -> str:
        """What to type to run it again."""
        return f"labkit reproduce {self.id}"


_LENET300 = {"dataset": "mnist", "network": "lenet_300_100"}
# A pass of LeNet-5 takes up to ten seconds: fewer of them, and one smaller network, or a seed takes an hour. Alone it
# may spend all of the bytes that 39 times leaves; with a teacher, 1 % of its weights are an eighth of 7.9 %.
_LENET5 = {"dataset": "mnist", "network": "lenet5"}
_LENET5_ALONE = {**_LENET5, "kept": 0.086, "epochs": 45, "passes": 12, "rungs": 1}
_LENET5_TAUGHT = {**_LENET5, "kept": 0.079, "passes": 12, "rungs": 1}
ROWS = (
    Row(
        "lloyd-max",
        "Gaussian source: the eighth bit gains 5.99 dB with Lloyd–Max levels, 5.40 dB with the best uniform step",
        "Max 1960, IRE Trans. Inf. Theory 6(1)",
        "22",
        ("Eighth bit, Lloyd–Max", "Eighth bit, best uniform"),
        seeds=(1,),
    ),
    Row(
        "fine-steps",
        "Fine uniform steps, ideally coded, are 1.53 dB from the rate–distortion bound",
        "Gish and Pierce 1968, IEEE Trans. Inf. Theory 14(5)",
        "22",
        ("Fine steps, ideally coded, below the bound by",),
        seeds=(1,),
    ),
    Row(
        "two-of-four",
        "2:4 sparsity stores int8 in 62.5 %, float16 in 56.25 %, float32 in 53.1 % of the dense bytes",
        "Mishra et al. 2021, arXiv:2104.08378",
        "30",
        ("2:4 against dense, int8", "2:4 against dense, float16", "2:4 against dense, float32"),
        seeds=(1,),
    ),
    Row(
        "pruning-lenet-300-100",
        "LeNet-300-100, 12 times fewer weights, error 1.64 → 1.59 %",
        "Han et al. 2015, arXiv:1506.02626",
        "31",
        ("Fewer weights, times", "Accuracy lost on MNIST"),
        {"dataset": "mnist"},
    ),
    Row(
        "int8-files",
        "int8 after training: 4 times smaller; float16: 2 times",
        "TensorFlow, post-training quantization guide",
        "40",
        ("LeNet-5, float32 over int8 bytes", "LeNet-5, float32 over float16", "Most accuracy lost by any int8 file"),
        {"dataset": "fashion_mnist"},
    ),
    Row(
        "clustering-tfmot",
        "16 shared values: 6 times smaller deflated, 8 times with int8, on MNIST",
        "TFMOT, weight clustering tutorial",
        "50",
        tuple(f"TFMOT, {way}, times smaller" for way in ("float32", "int8", "int8, one scale a layer")),
        {"dataset": "mnist"},
    ),
    Row(
        "range-coding",
        "A range coder comes within 0.1 % of the entropy",
        "Martin 1979, Range encoding; Bamler 2022, arXiv:2201.01741",
        "51",
        ("Hand coder above the entropy",),
    ),
    Row(
        "deep-compression-lenet-300-100",
        "LeNet-300-100, 40 times, error 1.64 → 1.58 %",
        "Han et al. 2016, arXiv:1510.00149",
        "52",
        ("lenet_300_100 on MNIST, times smaller", "lenet_300_100 on MNIST, error above the dense"),
        _LENET300,
        picture=True,
    ),
    Row(
        "deep-compression-lenet5",
        "LeNet-5, 39 times, error 0.80 → 0.74 %",
        "Han et al. 2016, arXiv:1510.00149",
        "52",
        ("lenet5 on MNIST, times smaller", "lenet5 on MNIST, error above the dense"),
        _LENET5_ALONE,
        picture=True,
    ),
    Row(
        "record-lenet-300-100",
        "LeNet-300-100, 124 times, error 1.9 %",
        "Oktay et al. 2020, arXiv:1906.06624",
        "52",
        ("lenet_300_100 with a teacher, times smaller", "lenet_300_100 with a teacher, error"),
        _LENET300,
    ),
    Row(
        "taught-lenet5",
        "LeNet-5, 162 times, error 0.97 %",
        "Ullrich et al. 2017, arXiv:1702.04008",
        "52",
        ("lenet5 with a teacher, times smaller", "lenet5 with a teacher, error"),
        _LENET5_TAUGHT,
    ),
)
