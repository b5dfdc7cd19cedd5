"""What every registered step keeps to, third parties' too."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn

from thimble.core.errors import NotApplicable
from thimble.core.model import TORCH, Model
from thimble.core.registry import STEPS
from thimble.core.step import Context, Step
from thimble.models import clean_onnx
from thimble.steps.export.to_onnx import ToOnnx

QUICK = {
    "onnx_equalize": {"dense": True},
    "train": {"epochs": 1, "batch_size": 64},
    "finetune": {"epochs": 1, "batch_size": 64},
    "distill": {"epochs": 1, "batch_size": 64},
}


class Recurrent(nn.Module):
    """The same inputs and outputs through an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(256, 10, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.flatten(2))[0][:, -1]


def made(name: str) -> Step:
    step: Step = STEPS.get(name)(**QUICK.get(name, {}))
    return step


def state_of(model: Model) -> str:
    digest = hashlib.sha256()
    if model.format == TORCH:
        for key, tensor in model.payload.state_dict().items():
            digest.update(key.encode() + tensor.numpy().tobytes())
    else:
        for path in sorted(model.folder.rglob("*")):
            digest.update(path.name.encode() + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()


@pytest.mark.parametrize("name", STEPS.names())
def test_settings_are_frozen_hashable_and_documented(name: str) -> None:
    cls = STEPS.get(name)
    assert dataclasses.is_dataclass(cls)
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert cls.__doc__
    assert cls.apply.__doc__
    assert set(cls.uses) <= {"train", "calibration", "validation", "teacher", "seed", "threads", "processor"}
    assert cls.version >= 1


@pytest.mark.parametrize("name", STEPS.names())
def test_apply_is_pure_and_gives_what_it_says(name: str, tiny: Model, context: Context, tmp_path: Path) -> None:
    step = made(name)
    missing = [module for module in step.needs if importlib.util.find_spec(module) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    model = tiny
    if step.consumes == "onnx":
        (tmp_path / "given").mkdir()
        model = ToOnnx().apply(tiny, dataclasses.replace(context, output=tmp_path / "given"))
    elif step.consumes != TORCH:
        pytest.skip(f"no model of format {step.consumes} to start from")
    before = state_of(model)
    try:
        result = step.apply(model, context)
    except NotApplicable:  # a technique for recurrent layers
        recurrent = dataclasses.replace(tiny, payload=Recurrent().eval())
        (tmp_path / "again").mkdir()
        model = clean_onnx(ToOnnx().apply(recurrent, dataclasses.replace(context, output=tmp_path / "again")), tmp_path / "clean")
        before = state_of(model)
        result = step.apply(model, context)
    assert state_of(model) == before, "the step changed its input"
    assert result.format == step.produces
    assert result.outputs == tiny.outputs
    assert [spec.name for spec in result.inputs] == ["x"]
    if result.format == TORCH:
        assert not result.payload.training
        with torch.inference_mode():
            assert result.payload(torch.zeros(2, 3, 16, 16)).shape == (2, 10)
    else:
        assert any(path.stem == "model" for path in result.folder.iterdir())
