"""Networks whose quality is known by construction, fitted end to end."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.api.fit import Fit, fit
from thimble.core.study import Limits
from thimble.decide.summarize import summarize

PICTURES = Path(__file__).parents[1] / "data" / "test_pictures.py"
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("private_store")]


def pictures() -> Any:
    spec = importlib.util.spec_from_file_location("pictures", PICTURES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def detector(path: Path) -> None:
    """A YOLO head (n, 6, 64) that is right on every square: each cell of 8 x 8 pixels scores its red and its green."""
    from onnx import TensorProto, helper, numpy_helper, save

    weights = np.zeros((2, 3, 8, 8), np.float32)
    weights[0, 0] = weights[1, 1] = 1 / 64
    row, column = np.divmod(np.arange(64), 8)
    boxes = np.stack([8 * column + 4, 8 * row + 4, np.full(64, 8), np.full(64, 8)]).astype(np.float32)[None]
    constants = {"w": weights, "b": np.full(2, -0.5, np.float32), "gain": np.float32(12.0), "zero": np.float32(0.0), "boxes": boxes}
    constants |= {"flat": np.array([0, 2, -1], np.int64), "one": np.array([0], np.int64), "two": np.array([1], np.int64)}
    constants |= {"axis": np.array([1], np.int64)}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Mul", ["c", "gain"], ["g"]),
        helper.make_node("Sigmoid", ["g"], ["s"]),
        helper.make_node("Reshape", ["s", "flat"], ["scores"]),
        helper.make_node("Slice", ["scores", "one", "two", "axis"], ["first"]),
        helper.make_node("Mul", ["first", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "boxes"], ["placed"]),
        helper.make_node("Concat", ["placed", "scores"], ["output0"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 64, 64])]
    outputs = [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["n", 6, 64])]
    graph = helper.make_graph(nodes, "detector", inputs, outputs, [numpy_helper.from_array(v, k) for k, v in constants.items()])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


@pytest.fixture
def rows() -> Any:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 20)).astype(np.float32)
    return x, x @ rng.normal(size=20).astype(np.float32)


NETWORK = """
import numpy as np, torch
from torch import nn

RULE = torch.tensor(np.random.default_rng(0).normal(size=(600, 20)).astype("f4"))

class Net(nn.Module):
    inputs = {"x": (1, 20)}

    def __init__(self, end):
        super().__init__()
        rng = np.random.default_rng(0)
        rng.normal(size=(600, 20))
        rule = torch.tensor(rng.normal(size=20).astype("f4"))
        self.body, self.end = nn.Sequential(nn.Linear(20, 2), nn.ReLU(), nn.Linear(2, 1)), end
        with torch.no_grad():
            self.body[0].weight.copy_(torch.stack([rule, -rule]))
            self.body[0].bias.zero_()
            self.body[2].weight.copy_(torch.tensor([[1.0, -1.0]]))
            self.body[2].bias.zero_()

    def forward(self, x):
        z = self.body(x)
        return torch.sigmoid(z) if self.end == "sigmoid" else z

def logit():
    return Net("logit").eval()

def sigmoid():
    return Net("sigmoid").eval()
"""


def fitted(model: str, data: str, tmp_path: Path, drop: float, size: int | None = None) -> Any:
    study = fit(Fit(model, data, Limits(max_drop=drop), budget=60, threads=1, size=size), tmp_path / "out")
    return study, summarize(study)


@pytest.mark.parametrize("name", ["logit", "sigmoid"])
def test_twins_of_one_rule_are_judged_alike(name: str, rows: Any, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    np.savez(tmp_path / "rows.npz", x=rows[0], y=(rows[1] > 0).astype(int))
    study, summary = fitted(f"{tmp_path / 'net.py'}:{name}", f"npz:{tmp_path / 'rows.npz'}", tmp_path, 10)
    assert study.task.metric == "accuracy"
    assert summary.rows[0].quality.value == 100
    assert all(row.quality.value > 85 for row in summary.rows if row.quality)


def test_values_are_judged_relative_to_their_spread(rows: Any, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    np.savez(tmp_path / "rows.npz", x=rows[0], y=rows[1])
    study, summary = fitted(f"{tmp_path / 'net.py'}:logit", f"npz:{tmp_path / 'rows.npz'}", tmp_path, 5)
    assert study.task.metric == "relative_mse"
    assert summary.rows[0].quality.value < 1e-6
    assert summary.met


def test_values_without_labels_are_judged_by_their_relative_error(rows: Any, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    np.savez(tmp_path / "rows.npz", x=rows[0])
    study, summary = fitted(f"{tmp_path / 'net.py'}:logit", f"npz:{tmp_path / 'rows.npz'}", tmp_path, 10)
    assert study.task.metric == "fidelity"
    assert summary.rows[0].quality.value == 0
    assert summary.met


def test_a_detector_is_judged_by_its_boxes(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    detector(tmp_path / "net.onnx")
    study, summary = fitted(str(tmp_path / "net.onnx"), pictures().coco(tmp_path / "data", rows=8), tmp_path, 10, 64)
    assert study.task.metric == "mean_ap"
    assert summary.rows[0].quality.value == pytest.approx(100, abs=0.1)
    assert any(row.drop for row in summary.rows[1:])


def test_a_detector_without_labels_is_judged_by_the_baselines_boxes(tmp_path: Path) -> None:
    detector(tmp_path / "net.onnx")
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x=rng.random((120, 3, 64, 64), np.float32))
    study, summary = fitted(str(tmp_path / "net.onnx"), f"npz:{tmp_path / 'x.npz'}", tmp_path, 20)
    assert study.task.metric == "box_agreement"
    assert summary.rows[0].quality.value == 100
