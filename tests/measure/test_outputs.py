"""Outputs of one batch, one row for each sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.core.artifact import Artifact
from thimble.core.errors import RuntimeFailed
from thimble.core.subject import Subject
from thimble.core.task import Batch
from thimble.core.values import TensorSpec
from thimble.measure.outputs import run_batch


class Answering:
    def __init__(self, **outputs: Any) -> None:
        self.outputs = outputs

    def run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return self.outputs


def subject(batch: int | None) -> Subject:
    return Subject("net", Path(), Artifact("onnx", "model.onnx", (), (TensorSpec("x", (batch, 4)),), ("y",)), "onnxruntime")


def batch(count: int) -> Batch:
    return Batch({"x": np.zeros((count, 4), np.float32)}, None)


def test_a_state_belongs_to_the_only_sample() -> None:
    found = run_batch(Answering(y=np.ones((1, 3)), state=np.ones((2, 1, 8)), loss=np.float32(2)), batch(1), subject(1))  # type: ignore[arg-type]
    assert {name: array.shape for name, array in found.items()} == {"y": (1, 3), "state": (1, 2, 1, 8), "loss": (1,)}


def test_what_is_not_one_per_sample_is_refused_for_several() -> None:
    with pytest.raises(RuntimeFailed, match=r"output 'state' of shape \(2, 1, 8\) is not one per sample for a batch of 3"):
        run_batch(Answering(y=np.ones((3, 3)), state=np.ones((2, 1, 8))), batch(3), subject(None))  # type: ignore[arg-type]
