"""The ONNX file for TensorRT keeps to its rules, and each rule that is broken is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from thimble.core.model import Model
from thimble.core.step import Context
from thimble.engine.opening import check_answers
from thimble.steps.compress._tensorrt_rules import faults
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic
from thimble.steps.compress.tensorrt_qdq import TensorrtQdq
from thimble.steps.export.to_onnx import ToOnnx


@pytest.fixture
def exported(tiny: Model, context: Context, tmp_path: Path) -> Model:
    (tmp_path / "onnx").mkdir()
    return ToOnnx().apply(tiny, replace(context, output=tmp_path / "onnx"))


def test_the_file_keeps_to_the_rules_and_answers_as_the_network_does(exported: Model, tiny: Model, context: Context) -> None:
    made = TensorrtQdq(samples=64).apply(exported, context)
    assert faults(made.folder / "model.onnx") == []
    assert made.notes["quantized_operators"] == 5
    assert made.notes["float_operators"] == 0
    assert check_answers(made, tiny, TensorrtQdq(), context.task, 1).notes["agreement_db"] > 15
    graph = onnx.load(str(made.folder / "model.onnx")).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    scales = [weights[node.input[1]] for node in graph.node if node.op_type == "DequantizeLinear"]
    assert sorted({scale.size for scale in scales}) == [1, 10, 16, 32], "one for a tensor of activations, one for each channel of weights"
    assert all(not weights[node.input[2]].any() for node in graph.node if node.op_type == "QuantizeLinear")


def test_onnx_runtimes_own_form_breaks_them(exported: Model, context: Context) -> None:
    made = OnnxQuantizeStatic().apply(exported, context)
    broken = faults(made.folder / "model.onnx")
    assert any("zero point of 0" in one for one in broken)


def network(change: Callable[[dict[str, Any]], None] = lambda parts: None) -> onnx.ModelProto:
    """A quantized convolution with a sum behind it, changed."""
    parts: dict[str, Any] = {
        "xs": np.float32(0.1), "xz": np.int8(0), "ws": np.full(4, 0.1, np.float32), "wz": np.zeros(4, np.int8), "axis": 0,
        "before": [], "bias": "b", "out": "conv", "after": [],
    }  # fmt: skip
    change(parts)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"], "quantize"),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"], "dequantize"),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], "weights", axis=parts["axis"]),
        *parts["before"],
        helper.make_node("Conv", ["xd", "wd", parts["bias"]], ["conv"], "conv"),
        *parts["after"],
        helper.make_node("Add", [parts["out"], "one"], ["y"], "add"),
    ]
    values = {name: parts[name] for name in ("xs", "xz", "ws", "wz")} | {
        "w": np.ones((4, 4, 1, 1), np.int8), "b": np.zeros(4, np.float32), "one": np.float32(1),
        "bq": np.zeros(4, np.int32),
    }  # fmt: skip
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 3, 3]) for name in ("x", "y")]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]
    return helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], constants), opset_imports=[helper.make_opsetid("", 17)])


def requantized(parts: dict[str, Any]) -> None:
    parts["out"] = "cd"
    parts["after"] = [
        helper.make_node("QuantizeLinear", ["conv", "xs", "xz"], ["cq"], "q2"),
        helper.make_node("DequantizeLinear", ["cq", "xs", "xz"], ["cd"], "dq2"),
    ]


def quantized_bias(parts: dict[str, Any]) -> None:
    parts["bias"] = "bd"
    parts["before"] = [helper.make_node("DequantizeLinear", ["bq", "xs"], ["bd"], "bias")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda parts: parts.update(xz=np.uint8(128)), "INT8 must be signed, with a zero point of 0, and it is uint8 with 128"),
        (lambda parts: parts.update(xz=np.int8(3)), "it is int8 with 3"),
        (lambda parts: parts.update(xs=np.float32(0)), "its scale must be constant and above 0"),
        (lambda parts: parts.update(xs=np.full(4, 0.1, np.float32), xz=np.zeros(4, np.int8)), "activations must have one scale"),
        (lambda parts: parts.update(axis=1), "quantized along axis 1, and output channels are axis 0"),
        (quantized_bias, "its bias is quantized"),
        (requantized, "its output is quantized before Add"),
    ],
)
def test_each_broken_rule_is_named(tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str) -> None:
    onnx.save(network(), tmp_path / "good.onnx")
    assert faults(tmp_path / "good.onnx") == []
    onnx.save(network(change), tmp_path / "bad.onnx")
    assert any(words in fault for fault in faults(tmp_path / "bad.onnx"))
