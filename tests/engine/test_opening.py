"""A step's file is opened and run in its runtime before the step reports success."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from thimble.core.errors import StepFailed
from thimble.core.model import Model
from thimble.core.task import TaskSpec
from thimble.core.values import TensorSpec
from thimble.data import open_task
from thimble.engine.clean import real_samples
from thimble.engine.opening import check_answers, check_opens


def relu(folder: Path, op: str = "Relu", domain: str = "") -> Model:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3, 16, 16]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"], domain=domain)], "g", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("elsewhere", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "model.onnx")
    return Model("onnx", folder, (TensorSpec("x", (None, 3, 16, 16)),), ("y",))


def test_a_file_that_opens_passes(tmp_path: Path) -> None:
    check_opens(relu(tmp_path), None, 1, "a_step")
    check_opens(relu(tmp_path), open_task(TaskSpec("digits", 16)), 1, "a_step")


def test_a_file_that_does_not_open_is_a_failed_step(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"a_step wrote a file that ONNX Runtime can't open or run: .*elsewhere"):
        check_opens(relu(tmp_path, "Unheard", "elsewhere"), None, 1, "a_step")


def test_a_file_that_is_cut_off_is_a_failed_step(tmp_path: Path) -> None:
    model = relu(tmp_path)
    (tmp_path / "model.onnx").write_bytes((tmp_path / "model.onnx").read_bytes()[:40])
    with pytest.raises(StepFailed, match="a_step wrote a file"):
        check_opens(model, None, 1, "a_step")


def test_nothing_but_nan_is_a_failed_step(tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in ("x", "y")]
    nodes = [helper.make_node("Sub", ["x", "x"], ["zero"]), helper.make_node("Div", ["zero", "zero"], ["y"])]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx")
    with pytest.raises(StepFailed, match="gives only NaN in y"):
        check_opens(Model("onnx", tmp_path, (TensorSpec("x", (None, 2)),), ("y",)), None, 1, "a_step")


def test_real_samples_come_from_calibration(tmp_path: Path) -> None:
    task = open_task(TaskSpec("digits", 16))
    found = real_samples(relu(tmp_path), task, 2)
    assert found is not None
    np.testing.assert_array_equal(found["x"], next(iter(task.split("calibration").batches(2))).inputs["input"])


class Asking:
    """A step that asks for agreement."""

    agrees_db = 60.0


def scaled(folder: Path, factor: float) -> Model:
    """A file that multiplies its input."""
    folder.mkdir()
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3, 16, 16]) for name in ("x", "y")]
    weight = helper.make_tensor("w", TensorProto.FLOAT, (), [factor])
    graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    return Model("onnx", folder, (TensorSpec("x", (None, 3, 16, 16)),), ("y",))


@pytest.mark.parametrize("data", [None, "digits"])
def test_a_file_is_compared_with_what_it_was_made_of(tmp_path: Path, data: str | None) -> None:
    task = open_task(TaskSpec(data, 16)) if data else None
    before = scaled(tmp_path / "before", 2.0)
    made = check_answers(scaled(tmp_path / "same", 2.0), before, Asking(), task, 1)  # type: ignore[arg-type]
    assert made.notes["agreement_db"] == 200
    close = check_answers(scaled(tmp_path / "close", 2.0002), before, Asking(), task, 1)  # type: ignore[arg-type]
    assert 79 < close.notes["agreement_db"] < 81
    with pytest.raises(StepFailed, match=r"asking's file in ONNX Runtime gives other outputs .* to 40 dB, but at least 60 dB are needed"):
        check_answers(scaled(tmp_path / "other", 2.02), before, Asking(), task, 1)  # type: ignore[arg-type]


def test_another_shape_of_output_is_named(tmp_path: Path) -> None:
    before = relu(tmp_path)
    (tmp_path / "made").mkdir()
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Flatten", ["x"], ["y"])], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "made" / "model.onnx")
    with pytest.raises(StepFailed, match=r"output y is \(3, 768\), and \(3, 3, 16, 16\) in the model before it"):
        check_answers(Model("onnx", tmp_path / "made", before.inputs, ("y",)), before, Asking(), None, 1)  # type: ignore[arg-type]


def test_a_step_that_asks_for_nothing_is_not_compared(tmp_path: Path) -> None:
    made = scaled(tmp_path / "made", 3.0)
    assert check_answers(made, scaled(tmp_path / "before", 2.0), object(), None, 1) is made  # type: ignore[arg-type]
