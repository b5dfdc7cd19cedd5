"""What this plugin does, and that Thimble finds it."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from thimble_plugin.onnx_reference import OnnxReference
from thimble_plugin.onnx_round_weights import OnnxRoundWeights
from thimble_plugin.top2 import Top2

import thimble
from thimble.core.errors import BadInput


@pytest.fixture
def network(tmp_path: Path) -> Path:
    weights = np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", ["n", 64]), ("y", ["n", 10]))]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "n", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_thimble_finds_all_three() -> None:
    for kind, name in (("steps", "onnx_round_weights"), ("runtimes", "onnx_reference"), ("metrics", "top2")):
        assert [one.name for one in thimble.listing(kind, name)] == [name]


def test_rounded_weights_deflate_to_less_and_stay_near(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THIMBLE_STORE", str(tmp_path / "store"))
    assert thimble.parse_recipe("onnx_round_weights(4)") == (OnnxRoundWeights(bits=4),)
    thimble.apply(thimble.Apply("onnx_round_weights(4)", str(network)), tmp_path / "rounded")
    rounded = tmp_path / "rounded" / "model.onnx"
    assert len(zlib.compress(rounded.read_bytes())) < 0.6 * len(zlib.compress(network.read_bytes()))
    before, after = (numpy_helper.to_array(onnx.load(path).graph.initializer[0]) for path in (network, rounded))
    np.testing.assert_allclose(after, before, rtol=2**-5)


def test_the_runtime_agrees_with_numpy(network: Path) -> None:
    session = OnnxReference().open(str(network), ["x"], ["y"], 1, {})
    x = np.ones((2, 64), np.float32)
    weights = numpy_helper.to_array(onnx.load(network).graph.initializer[0])
    np.testing.assert_allclose(session.run({"x": x})["y"], x @ weights, rtol=1e-5)
    with pytest.raises(ValueError, match="no options"):
        OnnxReference().open(str(network), ["x"], ["y"], 1, {"fast": "1"})


def test_the_metric_counts_the_second_best() -> None:
    outputs = {"y": np.array([[3, 2, 1], [3, 2, 1], [3, 2, 1]], np.float32)}
    assert Top2().score(outputs, np.array([0, 1, 2])).tolist() == [1, 1, 0]
    with pytest.raises(BadInput, match="top2 needs"):
        Top2().score(outputs, np.zeros((3, 2)))
