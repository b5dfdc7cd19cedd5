"""LSTMs get INT8 weights, alone or behind static quantization; what has no 8-bit operator is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.task import ModelSpec
from thimble.core.values import TensorSpec
from thimble.data import array_task
from thimble.models import traits_of
from thimble.steps.compress.onnx_quantize_recurrent import OnnxQuantizeRecurrent
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic


class Net(nn.Module):
    """A convolution over time, a recurrent layer, a classifier."""

    def __init__(self, layer: type[nn.RNNBase]) -> None:
        super().__init__()
        self.conv, self.layer, self.head = nn.Conv1d(8, 64, 3, padding=1), layer(64, 64, batch_first=True), nn.Linear(64, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(torch.relu(self.conv(x)).transpose(1, 2))[0][:, -1])


def exported(folder: Path, layer: type[nn.RNNBase]) -> Model:
    torch.manual_seed(0)
    folder.mkdir()
    torch.onnx.export(
        Net(layer).eval(), (torch.zeros(1, 8, 16),), str(folder / "model.onnx"), input_names=["x"], output_names=["y"], dynamo=False
    )
    return Model("onnx", folder, (TensorSpec("x", (1, 8, 16)),), ("y",))


@pytest.fixture
def task_context(context: Context) -> Context:
    x = np.random.default_rng(0).normal(0, 1, (40, 8, 16)).astype("f4")
    return replace(context, task=array_task({"calibration": (x, None), "test": (x + 1, None)}, "agreement"))


def size(model: Model) -> int:
    return (model.folder / "model.onnx").stat().st_size


def answer(model: Model) -> np.ndarray:
    x = np.random.default_rng(1).normal(0, 1, (1, 8, 16)).astype("f4")
    return onnxruntime.InferenceSession(str(model.folder / "model.onnx"), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def test_alone_and_behind_static_quantization(tmp_path: Path, task_context: Context) -> None:
    model = exported(tmp_path / "lstm", nn.LSTM)
    alone = OnnxQuantizeRecurrent().apply(model, task_context)
    assert alone.notes["quantized_lstm"] == 1
    assert size(alone) < 0.5 * size(model)
    np.testing.assert_allclose(answer(alone), answer(model), atol=0.02)
    (tmp_path / "static").mkdir()
    (tmp_path / "both").mkdir()
    static = OnnxQuantizeStatic().apply(model, replace(task_context, output=tmp_path / "static"))
    both = OnnxQuantizeRecurrent().apply(static, replace(task_context, output=tmp_path / "both"))
    assert both.notes["quantized_lstm"] == 1
    assert size(both) < 0.6 * size(static)
    np.testing.assert_allclose(answer(both), answer(model), atol=0.05)


def test_a_layer_without_an_8_bit_operator_is_said(tmp_path: Path, context: Context) -> None:
    with pytest.raises(NotApplicable, match="has no LSTM; ONNX Runtime has no 8-bit operator for its 1 GRU"):
        OnnxQuantizeRecurrent().apply(exported(tmp_path / "gru", nn.GRU), context)


def test_traits_tell_what_comes_first(tmp_path: Path) -> None:
    path = exported(tmp_path / "lstm", nn.LSTM).folder / "model.onnx"
    assert traits_of(ModelSpec(str(path))) == {"recurrent"}
    (tmp_path / "net.py").write_text("from torch import nn\ndef network():\n    return nn.TransformerEncoderLayer(8, 2)\n")
    assert traits_of(ModelSpec(f"{tmp_path / 'net.py'}:network")) == {"attention"}
    assert traits_of(ModelSpec("torchvision:resnet18")) == frozenset()
