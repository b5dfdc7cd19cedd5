"""Slimming takes out what no runtime needs, and nothing that changes what is computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.formats.onnx import purposes
from thimble.measure.optimised import optimised
from thimble.measure.sensitivity import sensitivity_db
from thimble.steps.compress import _slimming
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic
from thimble.steps.compress.onnx_slim import OnnxSlim
from thimble.steps.export.to_onnx import ToOnnx

X = np.random.default_rng(0).standard_normal((3, 3, 16, 16)).astype(np.float32)


def answers(path: Path, **feeds: Any) -> list[Any]:
    return list(onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feeds or {"x": X}))


@pytest.fixture
def exported(tiny: Model, context: Context, tmp_path: Path) -> Model:
    (tmp_path / "onnx").mkdir()
    return ToOnnx().apply(tiny, replace(context, output=tmp_path / "onnx"))


def test_an_int8_file_computes_the_same_with_the_same_operators_in_fewer_bytes(exported: Model, context: Context, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = OnnxQuantizeStatic().quantized(exported, replace(context, output=tmp_path / "whole")).folder / "model.onnx"
    slim = OnnxQuantizeStatic().apply(exported, context).folder / "model.onnx"
    assert slim.stat().st_size < 0.75 * whole.stat().st_size
    np.testing.assert_array_equal(answers(slim)[0], answers(whole)[0])
    kinds = [sorted(node.op_type for node in optimised(path).graph.node) for path in (slim, whole)]
    assert kinds[0] == kinds[1]
    assert "QLinearConv" in kinds[0]
    graphs = [onnx.load(str(path)).graph for path in (slim, whole)]
    layers = [{node.name for node in graph.node if node.op_type in ("Conv", "Gemm")} for graph in graphs]
    assert layers[0] == layers[1]
    assert [value.name for value in graphs[0].input] == ["x"]
    assert sorted(path.name for path in slim.parent.iterdir()) == ["model.onnx"], "what was tried lies beside the file"


def test_layers_of_a_slim_file_are_ranked_against_their_float_weights(exported: Model, context: Context, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    prepared = tmp_path / "scratch" / "prepared.onnx"
    whole = OnnxQuantizeStatic().quantized(exported, replace(context, output=tmp_path / "whole", scratch=prepared.parent))
    slim = OnnxQuantizeStatic().apply(exported, context)
    ranked = [sensitivity_db(made.folder / "model.onnx", prepared, [{"x": X}], 1, 60.0) for made in (whole, slim)]
    assert ranked[0] == pytest.approx(ranked[1], abs=0.1)


def written(path: Path) -> Path:
    """Notes, shapes, two equal constants, one that nothing reads, and a branch that reads a tensor from outside."""
    w = np.random.default_rng(1).standard_normal((4, 4)).astype(np.float32)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in ("x", "y")]
    branch = helper.make_graph(
        [helper.make_node("Add", ["a_long_name_of_a_tensor", "second_of_two"], ["sum"])],
        "then",
        [],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n", 4])],
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["a_long_name_of_a_tensor"], ["same"])],
        "else",
        [],
        [helper.make_tensor_value_info("same", TensorProto.FLOAT, ["n", 4])],
    )
    nodes = [
        helper.make_node("MatMul", ["x", "first_of_two"], ["a_long_name_of_a_tensor"], "layer", doc_string="written by hand " * 20),
        helper.make_node("If", ["yes"], ["branched"], then_branch=branch, else_branch=other),
        helper.make_node("MatMul", ["branched", "given"], ["y"], "last"),
    ]
    constants = [numpy_helper.from_array(w, name) for name in ("first_of_two", "second_of_two", "unread", "given")]
    constants.append(numpy_helper.from_array(np.array(True), "yes"))
    given = helper.make_tensor_value_info("given", TensorProto.FLOAT, [4, 4])
    graph = helper.make_graph(nodes, "graph", [ends[0], given], [ends[1]], constants, doc_string="a graph", value_info=[ends[1]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=8)
    onnx.save(model, str(path))
    return path


def test_notes_duplicates_and_long_names_go_and_what_callers_use_stays(tmp_path: Path) -> None:
    path = written(tmp_path / "model.onnx")
    feeds = {"x": np.ones((4, 4), np.float32), "given": np.eye(4, dtype=np.float32)}
    wanted = answers(path, **feeds)
    notes = _slimming.slim_file(path, {"x": feeds["x"]})
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    np.testing.assert_array_equal(answers(path, **feeds)[0], wanted[0])
    assert notes["bytes_after"] == path.stat().st_size < notes["bytes_before"]
    assert "given" in {tensor.name for tensor in model.graph.initializer}, "a caller may replace it"
    assert len(model.graph.initializer) == 3
    assert not model.graph.value_info
    assert b"by hand" not in path.read_bytes()
    assert [entry.domain for entry in model.opset_import] == [""]
    assert [node.name for node in model.graph.node] == ["layer", "", "last"]


def test_a_form_that_changes_what_is_executed_is_not_taken(exported: Model, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def worse(model: Any, float_biases: bool = True) -> None:
        del model.graph.node[:-1]

    def other(model: Any) -> None:
        for tensor in model.graph.initializer:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 0, "w"))

    path = exported.folder / "model.onnx"
    before = path.read_bytes()
    monkeypatch.setattr(_slimming, "slim", worse)
    monkeypatch.setattr(_slimming, "strip", other)
    assert _slimming.slim_file(path, {"x": X}) == {}
    assert path.read_bytes() == before


def test_a_slim_file_has_nothing_more_to_take_out(exported: Model, context: Context, tmp_path: Path) -> None:
    slim = OnnxSlim().apply(exported, context)
    again = tmp_path / "again"
    again.mkdir()
    with pytest.raises(NotApplicable, match="nothing that can be taken out"):
        OnnxSlim().apply(slim, replace(context, output=again))


def test_bytes_by_purpose_add_up_to_the_file(exported: Model, context: Context, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = OnnxQuantizeStatic().quantized(exported, replace(context, output=tmp_path / "whole")).folder / "model.onnx"
    counts = purposes(whole)
    assert sum(counts.values()) == whole.stat().st_size
    tensors = {tensor.name: len(tensor.raw_data) for tensor in onnx.load(str(whole)).graph.initializer}
    assert counts["weights"] == sum(count for name, count in tensors.items() if name.endswith("weight_quantized"))
    assert counts["biases"] == sum(count for name, count in tensors.items() if name.endswith("bias_quantized"))
    assert counts["names"] > 1000
    hand = purposes(written(tmp_path / "hand.onnx"))
    assert sum(hand.values()) == (tmp_path / "hand.onnx").stat().st_size
    assert hand["notes"] >= 16 * 20
