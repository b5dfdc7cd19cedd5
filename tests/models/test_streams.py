"""States are carried from step to step, and a batch may stand anywhere: scored over sequences, timed by the step, calibrated on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from thimble.core.errors import BadInput
from thimble.core.model import batch_of, fed, steps_in
from thimble.core.step import Context
from thimble.core.task import ModelSpec, TaskSpec
from thimble.core.values import TensorSpec
from thimble.data import array_task, open_task
from thimble.data._checks import fit_to
from thimble.measure.outputs import of_one_sample, run_steps
from thimble.models import open_model
from thimble.steps.compress._calibration import calibration_batches

RNG = np.random.default_rng(0)
W, U = (RNG.normal(0, 0.5, shape).astype("f4") for shape in ((4, 6), (6, 6)))


def streaming(path: Path, names: tuple[str, str] = ("h", "hn"), batch: str = "N") -> Path:
    """``y = hn = tanh(x W + h U)``: an Elman cell with its state outside."""
    held = [numpy_helper.from_array(W, "w"), numpy_helper.from_array(U, "u")]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"], "in"),
        helper.make_node("MatMul", [names[0], "u"], ["hu"], "rec"),
        helper.make_node("Add", ["xw", "hu"], ["sum"], "add"),
        helper.make_node("Tanh", ["sum"], [names[1]], "tanh"),
        helper.make_node("Identity", [names[1]], ["y"], "out"),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, size])
        for name, size in (("x", 4), (names[0], 6), ("y", 6), (names[1], 6))
    ]
    graph = helper.make_graph(nodes, "g", ends[:2], ends[2:], held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def by_hand(x: np.ndarray) -> np.ndarray:
    h, found = np.zeros((len(x), 6), "f4"), []
    for step in range(x.shape[1]):
        h = np.tanh(x[:, step] @ W + h @ U)
        found.append(h)
    return np.stack(found, 1)


X = RNG.normal(0, 1, (60, 5, 4)).astype("f4")


def opened(path: Path, **settings: object):
    return open_model(ModelSpec(str(path), **settings), path.parent / "files")  # type: ignore[arg-type]


def test_states_are_paired_by_name_and_shape(tmp_path: Path) -> None:
    model = opened(streaming(tmp_path / "net.onnx"), shapes={"input": (1, 5, 4)}, dtypes={"input": "float32"})
    assert [(one.name, one.shape, one.state, one.value) for one in model.inputs] == [("x", (1, 4), None, None), ("h", (1, 6), "hn", 0.0)]
    assert batch_of(model.inputs) == 1
    assert "carries states over sequences (h from hn): figures are those of one step" in model.notes["batch"]
    odd = streaming(tmp_path / "odd.onnx", ("memory", "z"))
    assert opened(odd, shapes={"x": (1, 4), "memory": (1, 6)}, named=True).inputs[1].state is None
    assert opened(odd, states={"memory": "z"}).inputs[1].state == "z"
    for wrong, said in (
        ({"memory": "nowhere"}, "--state names nowhere; .* answers with y, z"),
        ({"k": "z"}, "--state names k; .* takes x, memory"),
    ):
        with pytest.raises(BadInput, match=said):
            opened(odd, states=wrong)


def test_a_state_that_the_data_give_is_an_input(tmp_path: Path) -> None:
    model = opened(streaming(tmp_path / "net.onnx"), shapes={"x": (1, 4), "h": (1, 6)})
    assert [one.state for one in model.inputs] == [None, None]


def test_sequences_are_run_with_states_carried(tmp_path: Path) -> None:
    model = opened(streaming(tmp_path / "net.onnx"), shapes={"input": (1, 5, 4)})
    session = onnxruntime.InferenceSession(str(model.folder / "model.onnx"), providers=["CPUExecutionProvider"])

    def run(feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(("y", "hn"), session.run(["y", "hn"], fed(feed, model.inputs)), strict=True))

    assert steps_in({"input": X[:1]}, model.inputs) == 5
    outputs = run_steps(run, {"input": X[:1]}, model.inputs)
    assert list(outputs) == ["y"]
    np.testing.assert_allclose(outputs["y"], by_hand(X[:1]), atol=1e-6)
    last = run_steps(run, {"input": X[:1]}, model.inputs, np.array([3]))
    np.testing.assert_allclose(last["y"], by_hand(X[:1])[:, -1], atol=1e-6)
    one = run_steps(run, {"input": X[:1, 0]}, model.inputs)
    np.testing.assert_allclose(one["y"], by_hand(X[:1, :1])[:, 0], atol=1e-6)


def test_calibration_sees_the_states_of_the_way(tmp_path: Path, context: Context) -> None:
    model = opened(streaming(tmp_path / "net.onnx"), shapes={"input": (1, 5, 4)})
    task = array_task({"calibration": (X[:3], None), "test": (X[3:], None)}, "agreement")
    batches = list(calibration_batches(model, replace(context, task=task), "data"))
    assert len(batches) == 15
    assert not batches[0]["h"].any()
    np.testing.assert_allclose(batches[4]["h"], by_hand(X[:1])[:, 3], atol=1e-6)
    np.testing.assert_array_equal(batches[6]["x"], X[1:2, 1])


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(None, None, tmp_path / "output", tmp_path / "scratch", open_model=lambda spec: None)  # type: ignore[arg-type,return-value]


def test_sequences_fit_a_model_with_states(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=X)
    task = open_task(TaskSpec(f"npz:{tmp_path / 'x.npz'}"))
    fit_to(task, (TensorSpec("x", (1, 4)), TensorSpec("h", (1, 6), value=0.0, state="hn")))
    with pytest.raises(BadInput, match="the model takes x of shape"):
        fit_to(task, (TensorSpec("x", (1, 4)),))


def timed(path: Path, named: bool) -> Path:
    """Time first: T x N x 4 to the mean over time, kept as T x N x 4."""
    first, second = ("time", "batch") if named else ("a", "b")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [first, second, 4]) for name in ("x", "y")]
    nodes = [helper.make_node("ReduceMean", ["x"], ["m"], axes=[0], keepdims=1), helper.make_node("Sub", ["x", "m"], ["y"])]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.mark.parametrize(("named", "settings"), [(True, {}), (False, {"batch_axes": {"x": 1}})])
def test_the_batch_may_be_another_dimension(tmp_path: Path, named: bool, settings: dict[str, object]) -> None:
    model = opened(timed(tmp_path / "net.onnx", named), shapes={"input": (1, 5, 4)}, **settings)
    spec = model.inputs[0]
    assert (spec.shape, spec.axis, batch_of(model.inputs)) == ((5, 1, 4), 1, 1)
    feed = fed({"input": X[:1]}, model.inputs)
    assert feed["x"].shape == (5, 1, 4)
    session = onnxruntime.InferenceSession(str(model.folder / "model.onnx"), providers=["CPUExecutionProvider"])
    answer = of_one_sample(session.run(None, feed)[0], 1)
    np.testing.assert_allclose(answer, X[:1] - X[:1].mean(1, keepdims=True), atol=1e-6)


def test_a_batch_beyond_the_dimensions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--batch-axis x=3 is not a dimension of x, which has 3: 0 to 2"):
        opened(timed(tmp_path / "net.onnx", True), batch_axes={"x": 3})
