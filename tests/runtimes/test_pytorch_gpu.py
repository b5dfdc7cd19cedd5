"""PyTorch on a GPU: the same answers, in the precision that was asked for and is read back. Skipped where there is no GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.core.artifact import Artifact
from thimble.core.subject import Subject
from thimble.core.values import File, TensorSpec
from thimble.devices.process import Worker
from thimble.runtimes.pytorch import Pytorch

torch = pytest.importorskip("torch")
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU and a CUDA build of PyTorch")

LEAST = {"float32": 90, "tf32": 50, "float16": 40, "bfloat16": 25}
"""Decibels by which the answer exceeds its error against the processor's FP32; a mantissa of n bits leaves about 6 (n + 1)."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(32, 32, 3), torch.nn.Flatten()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(32 * 14 * 14, 10)).eval()
    path = tmp_path_factory.mktemp("gpu") / "model.pt2"
    torch.export.save(torch.export.export(network, (torch.zeros(4, 3, 16, 16),)), path)
    return path


def subject_of(path: Path, **options: str) -> Subject:
    inputs = (TensorSpec("x", (4, 3, 16, 16)),)
    return Subject("it", path.parent, Artifact("pt2", path.name, (File.of(path, path.parent),), inputs, ("y",)), "pytorch", 1, options)


def answer(subject: Subject, x: Any) -> tuple[Any, str, dict[str, float] | None]:
    with Worker(subject) as worker:
        result = worker.run({"x": x})["y"]
        worker.bind({"x": x})
        assert min(worker.time(5)) > 0
        return result, worker.opened.precision, worker.operators({"x": x})


@gpu
@pytest.mark.parametrize("kind", LEAST)
def test_a_gpu_answers_as_the_processor_does_in_the_precision_asked_for(program: Path, kind: str) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3, 16, 16)).astype(np.float32)
    wanted, _, _ = answer(subject_of(program), x)
    got, precision, operators = answer(subject_of(program, device="cuda", precision=kind), x)
    sqnr = 10 * np.log10(np.square(wanted).sum() / max(np.square(got - wanted).sum(), 1e-30))
    assert (precision, got.dtype) == (kind, np.float32)
    assert sqnr > LEAST[kind]
    assert kind == "float32" or sqnr < LEAST["float32"]  # it really computed in fewer bits
    assert operators
    assert sum(operators.values()) > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match=r"device=cuda needs an NVIDIA GPU"):
        Pytorch().open("model.pt2", ["x"], ["y"], 1, {"device": "cuda"})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": "tpu"}, "options are device"),
        ({"device": "cuda", "precision": "int3"}, "not device=cuda, precision=int3"),
        ({"precision": "tf32"}, "needs device=cuda"),
    ],
)
def test_options_are_checked(options: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Pytorch().open("model.pt2", ["x"], ["y"], 1, options)
