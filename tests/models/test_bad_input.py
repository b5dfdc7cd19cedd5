"""Data and models that can't be: one line each, before anything long begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from thimble.core.errors import BadInput, UnknownName
from thimble.core.task import ModelSpec, Task, TaskSpec
from thimble.core.values import TensorSpec
from thimble.data import NEEDED, array_task, check_task, dataset_task, open_task
from thimble.models import check_single, open_model, remarks

SPLITS = ("train", "calibration", "validation", "test")


def arrays(**changes: Any) -> dict[str, tuple[Any, Any]]:
    rng = np.random.default_rng(0)
    made = {name: (rng.standard_normal((20, 3)).astype(np.float32), np.arange(20) % 2) for name in SPLITS}
    return {name: pair for name, pair in {**made, **changes}.items() if pair is not None}


def late(value: float) -> tuple[Any, Any]:
    x, y = np.random.default_rng(1).standard_normal((20, 3)).astype(np.float32), np.arange(20) % 2
    x[17, 1] = value
    return x, y


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (
            array_task(arrays(test=late(np.nan))),
            "the test split of arrays holds NaN or infinity in input, first in sample 17 (1 samples in all)",
        ),
        (array_task(arrays(calibration=late(np.inf))), "the calibration split of arrays holds NaN or infinity"),
        (array_task(arrays(validation=None)), "arrays has no validation split; the candidate is chosen on it"),
        (
            array_task(arrays(test=None, train=None) | {"test": late(0.0)}, metric="mse"),
            "targets of shape N, and the model answers with N x 2",
        ),
    ],
)
def test_data_that_a_study_would_trip_over(task: Task, said: str) -> None:
    with pytest.raises(BadInput) as error:
        check_task(task, 2, {"output": [None, 2]}, NEEDED)
    assert said in str(error.value)


def test_targets_of_the_outputs_size_are_well() -> None:
    splits = {name: (x, y.astype(np.float32)) for name, (x, y) in arrays().items()}
    for shape in ([None, 1], [None], [None, None]):
        check_task(array_task(splits, metric="mse"), None, {"output": shape}, NEEDED)


def test_a_data_set_tells_which_sample() -> None:
    x, y = late(np.nan)
    with pytest.raises(BadInput, match="sample 17 of the test split holds NaN or infinity in input"):
        dataset_task({"test": list(zip(x, y, strict=True))})


def test_what_thimble_says_of_a_users_task_stays_one_line(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("from thimble.data import array_task\ndef task():\n    return array_task({'tests': (1, 2)})\n")
    with pytest.raises(BadInput) as error:
        open_task(TaskSpec(f"{tmp_path / 'own.py'}:task"))
    assert "own.py:task: splits are train" in str(error.value)
    assert "BadInput" not in str(error.value)


def test_a_batch_that_is_fixed_at_more_than_one_is_refused_for_single_samples(tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 3]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "net", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "four.onnx")
    opened = open_model(ModelSpec(str(tmp_path / "four.onnx")), tmp_path / "copy")
    with pytest.raises(BadInput, match="takes x of shape 4 x 3, 4 samples at a time"):
        check_single(opened.inputs, "four.onnx")
    check_single([TensorSpec("x", (None, 3)), TensorSpec("y", (1, 3))], "one.onnx")


def test_remarks_are_what_a_user_must_hear() -> None:
    assert remarks({"output_shapes": {}, "weights": "w.pt"}) == ()
    said = remarks({"training_mode": "came in training mode", "quantized": {"QuantizeLinear": 3}})
    assert said == ("came in training mode", "is quantized already: 3 QuantizeLinear")


def test_hundreds_of_known_names_are_not_all_listed() -> None:
    text = str(UnknownName("model", "net51", [f"net{i}" for i in range(100)]))
    assert "did you mean" in text
    assert "and 88 more" in text
    assert len(text) < 250
