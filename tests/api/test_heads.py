"""Networks whose quality is known by construction, fitted end to end."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.api.fit import Fit, fit
from thimble.api.resolve import reopened
from thimble.core.study import Limits
from thimble.decide.rows import only_split, row_of
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


def test_a_detectors_pictures_are_letterboxed_and_its_boxes_judged(tmp_path: Path) -> None:
    """Stretched, squares of 64 x 48 pixels would lie across the network's cells; between bars each fills one."""
    pytest.importorskip("pycocotools")
    detector(tmp_path / "net.onnx")
    study, summary = fitted(str(tmp_path / "net.onnx"), pictures().coco(tmp_path / "data"), tmp_path, 10, 64)
    assert study.task.metric == "mean_ap"
    assert any("bars of grey 114" in note for note in study.task.notes)
    assert summary.rows[0].quality.value == pytest.approx(100, abs=0.1)
    assert any(row.drop for row in summary.rows[1:])


def test_a_detector_without_labels_is_judged_by_the_baselines_boxes(tmp_path: Path) -> None:
    detector(tmp_path / "net.onnx")
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x=rng.random((120, 3, 64, 64), np.float32))
    study, summary = fitted(str(tmp_path / "net.onnx"), f"npz:{tmp_path / 'x.npz'}", tmp_path, 20)
    assert study.task.metric == "box_agreement"
    assert summary.rows[0].quality.value == 100


def one_layer(path: Path, weights: np.ndarray, bias: np.ndarray, stride: int, ends: list[Any], shapes: tuple[Any, Any]) -> None:
    """An ONNX file of one convolution, ``x`` to ``h``, and what ``ends`` makes of ``h``."""
    from onnx import TensorProto, helper, numpy_helper, save

    held = {"w": weights.astype(np.float32), "b": bias.astype(np.float32), "axis": np.array([2], np.int64)}
    conv = helper.make_node("Conv", ["x", "w", "b"], ["h"], kernel_shape=list(weights.shape[2:]), strides=[stride, stride])
    inputs, outputs = ([helper.make_tensor_value_info(n, TensorProto.FLOAT, s)] for n, s in zip(("x", "y"), shapes, strict=True))
    graph = helper.make_graph([conv, *ends], "g", inputs, outputs, [numpy_helper.from_array(v, k) for k, v in held.items()])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def judged(study: Any, folder: Path, name: str) -> tuple[Any, np.ndarray, np.ndarray]:
    """A candidate's row, and what its file answers to the validation split, run here in ONNX Runtime; the targets."""
    import onnxruntime

    blind, candidate = only_split(study, "validation"), study.candidate(name)
    task = reopened(study, "validation")
    assert task is not None
    batch = next(iter(task.split("validation").batches(10_000)))
    session = onnxruntime.InferenceSession(str(folder / candidate.folder / "model.onnx"), providers=["CPUExecutionProvider"])
    answers = session.run(None, {session.get_inputs()[0].name: next(iter(batch.inputs.values()))})[0]
    return row_of(blind, blind.candidate(name)), answers, batch.targets


def test_a_segmenter_loses_what_scikit_learn_says(tmp_path: Path) -> None:
    """Red, green, or neither where both are below 0.15: the noise of the pictures goes up to 0.153."""
    from onnx import helper
    from PIL import Image
    from sklearn.metrics import jaccard_score

    pictures().drawn(tmp_path / "data" / "images", 60, rows=8)
    (tmp_path / "data" / "masks").mkdir()
    for path in (tmp_path / "data" / "images").iterdir():
        pixels = np.asarray(Image.open(path))
        mask = np.where(pixels[..., 0] > 200, 1, np.where(pixels[..., 1] > 200, 2, 0)).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / "data" / "masks" / path.name)
    weights = np.zeros((3, 3, 1, 1))
    weights[1, 0] = weights[2, 1] = 1
    ends, side = [helper.make_node("Relu", ["h"], ["y"])], ["n", 3, 64, 64]
    one_layer(tmp_path / "net.onnx", weights, np.array([0.15, 0, 0]), 1, ends, (side, side))
    options = Fit(str(tmp_path / "net.onnx"), f"masks:{tmp_path / 'data'}", Limits(max_drop=60), budget=60, threads=1, size=64)
    study = fit(replace(options, mean=(0.0,), std=(1.0,)), tmp_path / "out")
    assert study.task.metric == "mean_iou"

    def iou(answers: np.ndarray, targets: np.ndarray) -> float:
        return 100 * float(jaccard_score(targets.ravel(), answers.argmax(1).ravel(), average="macro"))

    first, whole, targets = judged(study, tmp_path / "out", "baseline")
    row, answers, _ = judged(study, tmp_path / "out", "onnx-int8")
    assert 30 < first.quality.value < 100
    assert first.quality.value == pytest.approx(iou(whole, targets))
    assert row.drop.value == pytest.approx(iou(whole, targets) - iou(answers, targets), abs=1e-6)


def test_a_text_recogniser_is_judged_by_the_characters_it_reads(tmp_path: Path) -> None:
    """Drawn digits, each a pattern of 8 x 8 pixels, with gaps; a filter for each, and a bias for the blank."""
    from functools import cache

    from onnx import helper

    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 2, (10, 8, 8)).astype(np.float32)
    digits = rng.integers(-10, 10, (400, 12)).clip(-1)
    drawn = np.where(digits[:, :, None, None] < 0, 0.5, patterns[digits.clip(0)])
    x = drawn.transpose(0, 2, 1, 3).reshape(400, 1, 8, 96) + rng.normal(0, 0.7, (400, 1, 8, 96))
    words = [[d for d in row if d >= 0] for row in digits.tolist()]
    y = np.full((400, 13), -1)
    for row, word in zip(y, words, strict=True):
        row[0], row[1 : 1 + len(word)] = 10, word
    np.savez(tmp_path / "text.npz", x=x.astype(np.float32), y=y, metric="cer")
    weights = np.concatenate([patterns[:, None] - 0.5, np.zeros((1, 1, 8, 8))])
    bias = np.append(-(weights[:10] * 0.5).sum((1, 2, 3)), 8.0)
    ends = [
        helper.make_node("Squeeze", ["h", "axis"], ["s"]),
        helper.make_node("Transpose", ["s"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Softmax", ["t"], ["y"], axis=-1),
    ]
    one_layer(tmp_path / "net.onnx", weights, bias, 8, ends, (["n", 1, 8, 96], ["n", 12, 11]))
    study, _ = fitted(str(tmp_path / "net.onnx"), f"npz:{tmp_path / 'text.npz'}", tmp_path, 60)
    assert study.task.metric == "cer"

    def distance(ours: str, theirs: str) -> int:
        @cache
        def rest(i: int, j: int) -> int:
            if i == len(ours) or j == len(theirs):
                return max(len(ours) - i, len(theirs) - j)
            return min(rest(i + 1, j) + 1, rest(i, j + 1) + 1, rest(i + 1, j + 1) + (ours[i] != theirs[j]))

        return rest(0, 0)

    def cer(answers: np.ndarray, targets: np.ndarray) -> float:
        made = length = 0
        for steps, row in zip(answers.argmax(2), targets, strict=True):
            text = "".join(chr(48 + one) for one, before in zip(steps, (-1, *steps), strict=False) if one not in (10, before))
            word = "".join(chr(48 + one) for one in row[1:] if one >= 0)
            made, length = made + distance(text, word), length + len(word)
        return 100 * made / length

    first, whole, targets = judged(study, tmp_path / "out", "baseline")
    row, answers, _ = judged(study, tmp_path / "out", "onnx-int8")
    assert 0 < first.quality.value == pytest.approx(cer(whole, targets))
    assert row.drop.value == pytest.approx(cer(answers, targets) - cer(whole, targets), abs=1e-6)
