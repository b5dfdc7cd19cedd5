"""Equalized channels: the same function in FP32, truer outputs in INT8 where depthwise convolutions stand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.task import TaskSpec
from thimble.data import open_task
from thimble.measure.optimised import optimised
from thimble.steps.compress.onnx_equalize import OnnxEqualize
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic
from thimble.steps.export.to_onnx import ToOnnx


class Deep(nn.Module):
    """A depthwise-separable network whose channels differ in range up to a hundredfold."""

    def __init__(self, activation: type[nn.Module]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.deep = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.point, self.head = nn.Conv2d(16, 16, 1), nn.Linear(16, 10)
        self.first, self.second = activation(), nn.ReLU()
        spread = torch.logspace(-2, 0, 16)
        with torch.no_grad():
            self.stem.weight.mul_(4 * spread.reshape(-1, 1, 1, 1))
            self.stem.bias.mul_(spread)
            self.deep.weight.div_(spread.reshape(-1, 1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.second(self.deep(self.first(self.stem(x))))
        return self.head(self.second(self.point(x)).mean((2, 3)))


def exported(tiny: Model, context: Context, activation: type[nn.Module], folder: Path) -> Model:
    torch.manual_seed(0)
    folder.mkdir()
    return ToOnnx().apply(replace(tiny, payload=Deep(activation).eval()), replace(context, output=folder))


def images() -> np.ndarray:
    split = open_task(TaskSpec("digits", 16)).split("validation")
    return next(iter(next(iter(split.batches(100))).inputs.values()))


def answer(model: Model, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(model.folder / "model.onnx"), providers=["CPUExecutionProvider"])
    given: np.ndarray = session.run(None, {"x": x})[0]
    return given


def db(wanted: np.ndarray, given: np.ndarray) -> float:
    return float(10 * np.log10(np.square(wanted).sum() / np.square(given - wanted).sum()))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU])
def test_it_computes_what_it_did_and_loses_less_in_int8(activation: type[nn.Module], tiny: Model, context: Context, tmp_path: Path) -> None:
    given, x = exported(tiny, context, activation, tmp_path / "given"), images()
    before = (given.folder / "model.onnx").read_bytes()
    equal = OnnxEqualize().apply(given, context)
    assert (given.folder / "model.onnx").read_bytes() == before
    assert equal.notes["equalized_layers"] == 1
    wanted = answer(given, x)
    assert db(wanted, answer(equal, x)) > (90 if activation is not nn.ReLU6 else 25)
    found, files = {}, {}
    for name, model in (("plain", given), ("equal", equal)):
        (tmp_path / name).mkdir()
        files[name] = OnnxQuantizeStatic().apply(model, replace(context, output=tmp_path / name, scratch=tmp_path / f"{name}-scratch"))
        found[name] = db(wanted, answer(files[name], x))
    assert found["equal"] > found["plain"] + 3, found
    kinds = {name: Counter(node.op_type for node in optimised(model.folder / "model.onnx").graph.node) for name, model in files.items()}
    assert kinds["equal"]["QLinearConv"] == kinds["plain"]["QLinearConv"] == 3


def test_factors_leave_integer_weights_and_take_one_multiplication(tiny: Model, context: Context, tmp_path: Path) -> None:
    given = exported(tiny, context, nn.Hardswish, tmp_path / "given")
    graph = onnx.load(str(OnnxEqualize().apply(given, context).folder / "model.onnx")).graph
    plain = onnx.load(str(given.folder / "model.onnx")).graph
    weights = [
        [onnx.numpy_helper.to_array(tensor) for tensor in part.initializer if len(tensor.dims) == 4 and tensor.dims[2] == 3]
        for part in (plain, graph)
    ]
    for before, after in zip(*weights, strict=True):
        ratios = (after / before).reshape(len(before), -1)
        np.testing.assert_allclose(ratios, ratios[:, :1].repeat(ratios.shape[1], 1), rtol=1e-5)
        assert ratios.max() / ratios.min() > 10
    assert [node.op_type for node in graph.node].count("Mul") == [node.op_type for node in plain.node].count("Mul") + 1 + _hidden(plain)


def _hidden(graph: onnx.GraphProto) -> int:
    """Multiplications that stand inside HardSwish before it is taken apart."""
    return sum(node.op_type == "HardSwish" for node in graph.node)


def test_a_network_without_depthwise_convolutions_is_not_touched(tiny: Model, context: Context, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    given = ToOnnx().apply(tiny, replace(context, output=tmp_path / "given"))
    with pytest.raises(NotApplicable, match="no convolution"):
        OnnxEqualize().apply(given, context)
    assert db(answer(given, images()), answer(OnnxEqualize(dense=True).apply(given, context), images())) > 90
