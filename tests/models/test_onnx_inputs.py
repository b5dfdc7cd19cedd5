"""Single numbers, recurrent states and free sizes of ONNX files: set, told apart from a batch, asked for by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from thimble.core.errors import BadInput
from thimble.core.model import Model, noise_inputs
from thimble.core.task import ModelSpec
from thimble.models import check_single, clean_onnx, open_model
from thimble.models._intake.agreement import answers


def value(name: str, shape: list[object], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def weight(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.random.default_rng(len(name)).normal(0, 0.1, shape).astype("f4"), name)


def save(path: Path, nodes: list[onnx.NodeProto], ins: list[object], outs: list[object], held: list[onnx.TensorProto]) -> Path:
    graph = helper.make_graph(nodes, "g", ins, outs, held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8), path)
    return path


def listener(path: Path) -> Path:
    """Sound and a state to an answer and the next state, by weights of its own for each of two sampling rates."""

    def branch(name: str, seconds: int) -> onnx.GraphProto:
        nodes = [helper.make_node("MatMul", ["sound", f"{name}_w"], [f"{name}_y"], f"{name}_mul")]
        return helper.make_graph(nodes, name, [], [value(f"{name}_y", ["N", 8])], [weight(f"{name}_w", 64, 8)])

    nodes = [
        helper.make_node("Equal", ["sr", "wide_rate"], ["wide"], "rate"),
        helper.make_node("If", ["wide"], ["heard"], "if", then_branch=branch("wide", 1), else_branch=branch("narrow", 2)),
        helper.make_node("Add", ["state", "heard"], ["next"], "add"),
        helper.make_node("ReduceMean", ["next"], ["answer"], "mean", axes=[0, 2], keepdims=0),
    ]
    ins = [value("sound", [None, None]), value("state", [2, None, 8]), value("sr", [], TensorProto.INT64)]
    return save(
        path, nodes, ins, [value("answer", [None]), value("next", [2, None, 8])], [numpy_helper.from_array(np.array(16000), "wide_rate")]
    )


def opened(path: Path, **settings: object) -> Model:
    return open_model(ModelSpec(str(path), **settings), path.parent / "given")  # type: ignore[arg-type]


def test_a_single_number_is_asked_for_with_what_the_graph_compares_it_with(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"takes sr, a single number that the data don't contain: add --set sr=16000$"):
        opened(listener(tmp_path / "net.onnx"))


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"--set names rate; .* takes sound, state, sr"):
        opened(listener(tmp_path / "net.onnx"), values={"rate": 1.0})


def test_a_state_is_no_batch(tmp_path: Path) -> None:
    model = opened(listener(tmp_path / "net.onnx"), values={"sr": 16000.0})
    assert [(one.name, one.shape, one.value) for one in model.inputs] == [
        ("sound", (1, None), None),
        ("state", (2, 1, 8), None),
        ("sr", (), 16000.0),
    ]
    assert model.notes["batch"] == "takes one sample at a time, since the first dimension of state (2 x ? x 8) is not a batch"
    check_single(model.inputs, "net.onnx")


def test_a_free_length_is_found_by_trying(tmp_path: Path) -> None:
    model = opened(listener(tmp_path / "net.onnx"), values={"sr": 16000.0})
    assert model.inputs[0].sizes == (1, 64)  # what both branches' weights take, the eighth of the lengths that are tried


def test_shapes_may_name_some_of_the_inputs(tmp_path: Path) -> None:
    model = opened(listener(tmp_path / "net.onnx"), values={"sr": 16000.0, "state": 0.0}, shapes={"sound": (1, 64)})
    assert [one.shape for one in model.inputs] == [(1, 64), (2, 1, 8), ()]


def test_a_number_that_is_set_drops_the_branches_for_others(tmp_path: Path) -> None:
    path = listener(tmp_path / "net.onnx")
    model = clean_onnx(opened(path, values={"sr": 16000.0}), tmp_path / "clean")
    graph = onnx.load(model.folder / "model.onnx").graph
    assert model.notes["normalised"][0] == "sr fixed at 16000"
    assert "If" not in {node.op_type for node in graph.node}
    assert [one.name for one in graph.input] == ["sound", "state", "sr"]
    given = noise_inputs(model.inputs, 1)
    np.testing.assert_allclose(answers(model.folder / "model.onnx", given)["next"], answers(path, given)["next"], rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "kernel", "sizes"),
    [
        (["N", 3, None, None], [200, 200], (1, 3, 224, 224)),
        (["N", 3, None, None], [600, 600], (1, 3, 640, 640)),
        (["N", 3, 48, None], [48, 300], (1, 3, 48, 320)),
    ],
)
def test_free_image_sizes_that_work_are_proposed(tmp_path: Path, shape: list[object], kernel: list[int], sizes: tuple[int, ...]) -> None:
    nodes = [helper.make_node("MaxPool", ["x"], ["y"], "pool", kernel_shape=kernel)]
    path = save(tmp_path / "net.onnx", nodes, [value("x", shape)], [value("y", [None] * 4)], [])
    assert opened(path).inputs[0].sizes == sizes


def test_channels_last_images_are_proposed(tmp_path: Path) -> None:
    nodes = [helper.make_node("Transpose", ["x"], ["t"], "t", perm=[0, 3, 1, 2]), helper.make_node("Relu", ["t"], ["y"], "r")]
    path = save(tmp_path / "net.onnx", nodes, [value("x", ["N", None, None, 3])], [value("y", [None] * 4)], [])
    assert opened(path).inputs[0].sizes == (1, 224, 224, 3)


def test_where_no_size_works_the_first_trial_is_told(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], "mul")]
    path = save(tmp_path / "net.onnx", nodes, [value("x", ["N", None])], [value("y", [None, 3])], [weight("w", 77, 3)])
    with pytest.raises(BadInput, match="sizes of x are open, give --input-shape"):
        opened(path)
    assert opened(path, shapes={"x": (1, 77)}).inputs[0].shape == (None, 77)
