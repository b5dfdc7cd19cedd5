"""Weights in 16 bits, wherever an ONNX file keeps them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.steps.compress.onnx_store_fp16 import OnnxStoreFp16

SIDE = 64


def constant(name: str, seed: int, size: float = 1.0) -> onnx.NodeProto:
    values = np.random.default_rng(seed).normal(0, size / 8, (SIDE, SIDE)).astype(np.float32)
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values, name))


def saved(folder: Path, size: float = 1.0) -> Model:
    """A product with a weight of a Constant node, then one of two products in the branches of an If, whose weights lie inside."""
    branches = {}
    for i, name in enumerate(("then_branch", "else_branch")):
        nodes = [constant(f"w{i}", i, size), helper.make_node("MatMul", ["h", f"w{i}"], [f"y{i}"])]
        branches[name] = helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, None)])
    nodes = [
        constant("w", 2, size),
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("ReduceSum", ["h"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "zero"], ["above"]),
        helper.make_node("If", ["above"], ["y"], **branches),
    ]
    row = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", SIDE]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", row[:1], row[1:], [numpy_helper.from_array(np.float32(0), "zero")])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(proto)
    folder.mkdir()
    onnx.save(proto, folder / "model.onnx")
    return Model("onnx", folder, (TensorSpec("x", (None, SIDE)),), ("y",))


def answer(folder: Path, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def test_weights_of_constant_nodes_and_of_branches_are_halved(tmp_path: Path, context: Context) -> None:
    model = saved(tmp_path / "given")
    made = OnnxStoreFp16().apply(model, replace(context, task=None))
    assert made.notes["stored_fp16"] == 3
    sizes = [(folder / "model.onnx").stat().st_size for folder in (model.folder, made.folder)]
    assert sizes[1] < 0.55 * sizes[0]
    for sign in (1, -1):
        x = sign * np.abs(np.random.default_rng(5).normal(size=(4, SIDE))).astype(np.float32)
        np.testing.assert_allclose(answer(made.folder, x), answer(model.folder, x), rtol=0, atol=0.02)


def test_numbers_that_16_bits_do_not_hold_are_told(tmp_path: Path, context: Context) -> None:
    with pytest.raises(NotApplicable, match="numbers beyond 65,504"):
        OnnxStoreFp16().apply(saved(tmp_path / "given", 1e7), replace(context, task=None))
