"""One operator that the quantizer can't handle costs that operator, never the file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from thimble.core.errors import StepFailed
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.steps.compress._onnx_files import counted, prepared
from thimble.steps.compress._tolerant import tolerantly
from thimble.steps.compress.onnx_quantize_dynamic import OnnxQuantizeDynamic
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic


def value(name: str, shape: list[object], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def weight(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.random.default_rng(len(name)).normal(0, 0.1, shape).astype("f4"), name)


def saved(folder: Path, nodes: list[onnx.NodeProto], held: list[onnx.TensorProto], inner: int = 8) -> Model:
    graph = helper.make_graph(nodes, "g", [value("x", ["N", 3, 16, 16])], [value("y", ["N", inner])], held)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(proto)
    folder.mkdir()
    onnx.save(proto, folder / "model.onnx")
    return Model("onnx", folder, (TensorSpec("x", (None, 3, 16, 16)),), ("y",))


def chain(folder: Path, count: int = 4) -> Model:
    nodes = [helper.make_node("Flatten", ["x"], ["m0"], "flat")]
    nodes += [helper.make_node("MatMul", [f"m{i}", f"w{i}"], [f"m{i + 1}"], f"mul{i}") for i in range(count)]
    nodes += [helper.make_node("Relu", [f"m{count}"], ["y"], "last")]
    return saved(folder, nodes, [weight("w0", 768, 8), *(weight(f"w{i}", 8, 8) for i in range(1, count))])


def test_the_operator_that_fails_is_left_in_float_and_named(tmp_path: Path, context: Context) -> None:
    model = chain(tmp_path / "given")
    source, target = prepared(model, tmp_path / "scratch"), tmp_path / "model.onnx"
    tries: list[bool] = []

    def attempt(left: Collection[str], quick: bool) -> None:
        from onnxruntime.quantization import quantize_dynamic

        tries.append(quick)
        if "mul2" not in left:
            raise ValueError("mul2 is beyond me")
        quantize_dynamic(str(source), str(target), nodes_to_exclude=list(left))

    notes = tolerantly(source, target, model, context, attempt)
    assert notes["left_in_float"] == ["mul2 (MatMul)"]
    assert notes["left_reason"] == "the quantizer fails: ValueError: mul2 is beyond me"
    assert counted(target) == {"quantized_operators": 3, "float_operators": 1}
    assert tries[0] is tries[-1] is False
    assert all(tries[1:-1])


def test_a_file_that_does_not_open_is_no_success(tmp_path: Path, context: Context) -> None:
    model = chain(tmp_path / "given", 2)
    source, target = prepared(model, tmp_path / "scratch"), tmp_path / "model.onnx"

    def attempt(left: Collection[str], quick: bool) -> None:
        proto = onnx.load(source)
        proto.graph.node[0].op_type = "NoSuchOperator"
        onnx.save(proto, target)

    with pytest.raises(StepFailed, match=r"can't open the quantized file: .*NoSuchOperator.*even with every operator left in float"):
        tolerantly(source, target, model, context, attempt)


def test_a_bias_of_one_row_is_quantized(tmp_path: Path, context: Context) -> None:
    nodes = [helper.make_node("Flatten", ["x"], ["f"], "flat"), helper.make_node("Gemm", ["f", "w", "b"], ["y"], "fc")]
    model = saved(tmp_path / "given", nodes, [weight("w", 768, 8), weight("b", 1, 8)])
    made = OnnxQuantizeStatic().apply(model, context)
    assert (made.notes["quantized_operators"], "left_in_float" in made.notes) == (1, False)


def test_opset_12_is_quantized_per_tensor(tmp_path: Path, context: Context) -> None:
    model = chain(tmp_path / "given", 2)
    proto = onnx.load(model.folder / "model.onnx")
    proto.opset_import[0].version = 12
    onnx.save(proto, model.folder / "model.onnx")
    assert OnnxQuantizeStatic().apply(model, context).notes["quantized_operators"] == 2


def branching(folder: Path) -> Model:
    def branch(name: str) -> onnx.GraphProto:
        nodes = [helper.make_node("MatMul", ["f", f"{name}_w"], [f"{name}_y"], f"{name}_mul")]
        return helper.make_graph(nodes, name, [], [value(f"{name}_y", ["N", 8])], [weight(f"{name}_w", 768, 8)])

    nodes = [
        helper.make_node("Flatten", ["x"], ["f"], "flat"),
        helper.make_node("ReduceSum", ["f"], ["sum"], "sum", keepdims=0),
        helper.make_node("Cast", ["sum"], ["flag"], "cast", to=TensorProto.BOOL),
        helper.make_node("If", ["flag"], ["h"], "if", then_branch=branch("then"), else_branch=branch("else")),
        helper.make_node("MatMul", ["h", "w"], ["y"], "mul"),
    ]
    return saved(folder, nodes, [weight("w", 8, 8)])


def test_float_operators_inside_branches_are_counted(tmp_path: Path, context: Context) -> None:
    notes = OnnxQuantizeStatic().apply(branching(tmp_path / "given"), context).notes
    assert notes["float_operators_in_subgraphs"] == 2
    assert (notes["quantized_operators"], notes["float_operators"]) == (1, 2)


def test_dynamic_quantization_reaches_into_branches(tmp_path: Path, context: Context) -> None:
    notes = OnnxQuantizeDynamic().apply(branching(tmp_path / "given"), replace(context, task=None)).notes
    assert (notes["quantized_operators"], notes["float_operators"]) == (3, 0)
