"""Calibration samples of models with states and single numbers."""

from __future__ import annotations

from pathlib import Path

from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.steps.compress._calibration import calibration_batches
from thimble.steps.compress._nncf import single_samples

INPUTS = (
    TensorSpec("image", (1, 3, 16, 16)),
    TensorSpec("state", (2, 1, 8), value=0.0),
    TensorSpec("sr", (), "int64", value=16000.0),
)
SHAPES = [("image", (1, 3, 16, 16)), ("state", (2, 1, 8)), ("sr", ())]


def test_inputs_with_a_value_come_whole_with_every_sample(context: Context, tmp_path: Path) -> None:
    model = Model("onnx", tmp_path, INPUTS, ("y",))
    batches = list(calibration_batches(model, context, "data", 3))
    assert [[(name, array.shape) for name, array in batch.items()] for batch in batches] == [SHAPES] * 3
    seen: list[int] = []
    samples = list(single_samples(model, context, 5, seen))
    assert [[(name, array.shape) for name, array in sample.items()] for sample in samples] == [SHAPES] * 5
    assert seen == [1] * 5
