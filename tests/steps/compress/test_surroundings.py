"""A layer that stays in float stays so with what stands around it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.steps.compress._surroundings import surroundings
from thimble.steps.compress.onnx_quantize_mixed import OnnxQuantizeMixed
from thimble.steps.export.to_onnx import ToOnnx


class Gated(nn.Module):
    """Convolutions with SiLU, one of them behind a gate, a residual sum, and a last convolution behind a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(3 if i == 0 else 8, 8, 3, padding=1) for i in range(3))
        self.gate, self.last = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 10, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.silu(self.first(x))
        y = nn.functional.silu(self.second(x))
        y = y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
        x = x + self.third(y)
        return self.last(nn.functional.relu(x)).mean((2, 3))


@pytest.fixture
def gated(context: Context, tmp_path: Path) -> Model:
    torch.manual_seed(0)
    (tmp_path / "onnx").mkdir()
    model = Model("torch", Gated().eval(), (TensorSpec("x", (None, 3, 16, 16)),), ("output",))
    return ToOnnx().apply(model, replace(context, output=tmp_path / "onnx"))


def layers_of(path: Path) -> list[onnx.NodeProto]:
    return [node for node in onnx.load(str(path)).graph.node if node.op_type == "Conv"]


def test_surroundings_end_at_layers_sums_and_what_a_layer_takes_in(gated: Model) -> None:
    path = gated.folder / "model.onnx"
    kinds = {node.name: node.op_type for node in onnx.load(str(path)).graph.node}
    first, second, _, third, last = (node.name for node in layers_of(path))

    def around(*kept: str) -> Counter[str]:
        return Counter(kinds[name] for name in surroundings(path, kept))

    assert around(first) == {"Sigmoid": 1, "Mul": 1}
    assert around(second) == {"Sigmoid": 2, "Mul": 3, "ReduceMean": 1}, "its input's SiLU, its own, the gate's mean and product"
    assert around(third) == {"Sigmoid": 2, "Mul": 2}, "the gate's product, and the SiLU before it; not the sum"
    assert around(first, third) == {"Sigmoid": 3, "Mul": 3, "Add": 1}, "both branches of the sum are in float"
    assert around(last) == {"ReduceMean": 1}, "the ReLU belongs to what is before it"


def test_a_layer_in_float_reads_and_gives_float(gated: Model, context: Context) -> None:
    second = layers_of(gated.folder / "model.onnx")[1].name
    ranking = {node.name: 1.0 if node.name == second else 50.0 for node in layers_of(gated.folder / "model.onnx")}
    made = OnnxQuantizeMixed(1).apply(gated.becoming(gated.payload, sensitivity_db=ranking), context)
    nodes = onnx.load(str(made.folder / "model.onnx")).graph.node
    kinds = {output: node.op_type for node in nodes for output in node.output}
    read = {node.name: {kinds.get(name) for name in node.input} for node in nodes}
    readers = {name for node in nodes if node.name == second for name in node.output}
    assert read[second] == {"Mul", None}
    assert {node.op_type for node in nodes if readers & set(node.input)} == {"Sigmoid", "Mul"}
    assert made.notes["float_operators"] == 1
    assert made.notes["quantized_operators"] == 4
