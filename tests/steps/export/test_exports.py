from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.steps.export._exporting import check_agreement
from thimble.steps.export.to_onnx import ToOnnx
from thimble.steps.export.to_pt2 import ToPt2
from thimble.steps.export.to_torchscript import ToTorchscript


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return self.layer(x)
        return -self.layer(x)


class TwoInTwoOut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Embedding(10, 3)

    def forward(self, values: torch.Tensor, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        mixed = self.a(values) + self.b(tokens).mean(1)
        return {"logits": mixed, "norm": mixed.norm(dim=1)}


def branching() -> Model:
    return Model("torch", Branching().eval(), (TensorSpec("x", (None, 4)),), ("output",))


def two() -> Model:
    inputs = (TensorSpec("values", (None, 4)), TensorSpec("tokens", (None, 5), "int64"))
    return Model("torch", TwoInTwoOut().eval(), inputs, ("logits", "norm"))


@pytest.mark.parametrize("opset", [None, 18, 17, 13])
def test_onnx_has_the_opset_asked_for_and_a_free_batch(tiny: Model, context: Context, opset: int | None) -> None:
    made = ToOnnx(opset).apply(tiny, context)
    loaded = onnx.load(str(made.folder / "model.onnx"))
    if opset:
        assert loaded.opset_import[0].version == opset
    assert loaded.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert made.notes["agreement_db"] > 80
    assert [path.name for path in made.folder.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("step", [ToOnnx(), ToPt2()])
def test_several_inputs_and_a_dictionary_of_outputs(step: ToOnnx | ToPt2, context: Context) -> None:
    made = step.apply(two(), context)
    assert made.outputs == ("logits", "norm")
    assert [spec.name for spec in made.inputs] == ["values", "tokens"]


def test_pt2_opens_without_the_source(tiny: Model, context: Context) -> None:
    made = ToPt2().apply(tiny, context)
    x = torch.randn(5, 3, 16, 16)
    opened = torch.export.load(made.folder / "model.pt2").module()
    assert torch.allclose(opened(x), tiny.payload(x), atol=1e-5)


@pytest.mark.parametrize("step", [ToOnnx(), ToPt2()])
def test_control_flow_that_depends_on_data_is_not_applicable(step: ToOnnx | ToPt2, context: Context) -> None:
    with pytest.raises(NotApplicable, match="can't trace"):
        step.apply(branching(), context)


def test_torchscript_takes_control_flow(context: Context) -> None:
    made = ToTorchscript().apply(branching(), context)
    opened = torch.jit.load(str(made.folder / "model.pt"))
    x = torch.randn(3, 4)
    for sign in (1, -1):
        given = sign * x.abs()
        assert torch.allclose(opened(given), branching_like(opened, given))


def branching_like(opened: torch.jit.ScriptModule, x: torch.Tensor) -> torch.Tensor:
    out = opened.layer(x)
    return out if x.sum() > 0 else -out


def test_outputs_that_differ_are_found() -> None:
    right = {"output": np.ones((2, 3), np.float32)}
    assert check_agreement(right, right, "it") == 200
    with pytest.raises(StepFailed, match="gives other outputs"):
        check_agreement(right, {"output": right["output"] * 1.1}, "it")
    with pytest.raises(StepFailed, match="missing"):
        check_agreement(right, {}, "it")


def test_a_fixed_batch_is_kept_fixed(context: Context) -> None:
    class OnlyOne(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.reshape(1, 4) * 2

    model = Model("torch", OnlyOne().eval(), (TensorSpec("x", (None, 4)),), ("output",))
    made = ToPt2().apply(model, context)
    assert made.inputs[0].shape == (1, 4)
    assert replace(made, payload=None).format == "pt2"
