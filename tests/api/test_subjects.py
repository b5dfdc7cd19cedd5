"""What opens an artifact: the runtime named behind it, with session options of its own."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from thimble.api.measure import measure
from thimble.api.request import Measure
from thimble.api.subjects import split_runtime, with_options
from thimble.core.errors import BadInput, RuntimeFailed
from thimble.core.job import Sampling


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("a@b/model.onnx", ("a@b/model.onnx", None)),
        ("model.onnx@openvino", ("model.onnx", "openvino")),
        ("net.py:f@pytorch:device=cuda,precision=tf32", ("net.py:f", "pytorch:device=cuda,precision=tf32")),
    ],
)
def test_a_runtime_is_named_behind_the_file(spec: str, expected: tuple[str, str | None]) -> None:
    assert split_runtime(spec) == expected


def test_options_stand_behind_the_runtime() -> None:
    assert with_options(None) == (None, {})
    assert with_options("openvino") == ("openvino", {})
    assert with_options("pytorch:device=cuda,precision=tf32") == ("pytorch", {"device": "cuda", "precision": "tf32"})
    with pytest.raises(BadInput, match="device is no option; write pytorch:NAME=VALUE"):
        with_options("pytorch:device")


def test_one_file_is_measured_with_other_options_beside_itself(tmp_path: Path) -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    options = Measure(sampling=Sampling(rounds=2), threads=1)
    study = measure([str(path), f"{path}@onnxruntime:graph_optimization_level=disable"], options)
    assert [one.options for one in study.candidates] == [{}, {"graph_optimization_level": "disable"}]
    assert [one.name for one in study.candidates] == ["m", "m@onnxruntime:graph_optimization_level=disable"]
    with pytest.raises(RuntimeFailed, match="'fastest' is none of all, extended, basic, disable"):
        measure([f"{path}@onnxruntime:graph_optimization_level=fastest"], options)
