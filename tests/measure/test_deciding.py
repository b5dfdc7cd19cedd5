from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.core.artifact import Artifact
from thimble.core.subject import Subject
from thimble.core.task import Batch
from thimble.core.values import File, TensorSpec
from thimble.formats import ending_of
from thimble.measure.metrics.accuracy import Accuracy
from thimble.measure.metrics.f1 import F1
from thimble.measure.quality import measure_quality

RNG = np.random.default_rng(0)
RULE = RNG.normal(size=6).astype(np.float32)
X = RNG.normal(size=(90, 6)).astype(np.float32)
Y = (X @ RULE > 0).astype(np.int64)


class Rows:
    """A split of the samples that the rule decides."""

    targets = Y

    def __len__(self) -> int:
        return len(X)

    def batches(self, size: int) -> Iterator[Batch]:
        for i in range(0, len(X), size):
            yield Batch({"x": X[i : i + size]}, self.targets[i : i + size])

    def fingerprint(self) -> str:
        return "rows"

    def sample_ids(self) -> tuple[str, ...]:
        return tuple(map(str, range(len(X))))


def subject(folder: Path, ending: str, columns: int = 1) -> Subject:
    """A linear rule in ONNX that is right on every sample, and what may stand behind it."""
    from onnx import TensorProto, helper, numpy_helper, save

    folder.mkdir()
    weights = np.repeat(RULE[:, None], columns, 1)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"])]
    if ending == "logit":
        nodes.append(helper.make_node("Identity", ["z"], ["output"]))
    elif ending == "sigmoid":
        nodes += [helper.make_node("Sigmoid", ["z"], ["s"]), helper.make_node("Identity", ["s"], ["output"])]
    elif ending == "written out":  # a sigmoid that no operator tells of
        one = helper.make_node("Constant", [], ["one"], value_float=1.0)
        nodes += [helper.make_node("Neg", ["z"], ["n"]), helper.make_node("Exp", ["n"], ["e"]), one]
        nodes += [helper.make_node("Add", ["e", "one"], ["d"]), helper.make_node("Div", ["one", "d"], ["output"])]
    elif ending == "scaled":  # logits that no operator tells of
        two = helper.make_node("Constant", [], ["two"], value_float=2.0)
        nodes += [two, helper.make_node("Mul", ["z", "two"], ["output"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6])]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", columns])]
    graph = helper.make_graph(nodes, "rule", inputs, outputs, [numpy_helper.from_array(weights, "w")])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(folder / "model.onnx"))
    files = (File.of(folder / "model.onnx", folder),)
    artifact = Artifact("onnx", "model.onnx", files, (TensorSpec("x", (None, 6)),), ("output",))
    return Subject(folder.name, folder, artifact, "onnxruntime", 1)


@pytest.mark.parametrize(("ending", "told"), [("logit", "linear"), ("sigmoid", "sigmoid"), ("written out", None), ("scaled", None)])
def test_twins_of_one_rule_are_equally_right(tmp_path: Path, ending: str, told: str | None) -> None:
    made = subject(tmp_path / "it", ending)
    assert ending_of(made.folder, made.artifact) == told
    quality = measure_quality(made, Rows(), "test", Accuracy())
    assert quality.scores == (1.0,) * 90


@pytest.mark.parametrize("ending", ["logit", "sigmoid", "written out", "scaled"])
def test_labels_of_a_sample_are_decided_like_that_too(tmp_path: Path, ending: str) -> None:
    split = Rows()
    split.targets = np.repeat(Y[:, None], 2, 1)
    quality = measure_quality(subject(tmp_path / "it", ending, 2), split, "test", F1())
    assert F1().aggregate(np.array(quality.scores)) == 1.0


def test_the_baseline_decides_for_all(tmp_path: Path) -> None:
    measure_quality(subject(tmp_path / "first", "sigmoid"), Rows(), "test", Accuracy(), keep=tmp_path / "kept")
    same = measure_quality(subject(tmp_path / "second", "written out"), Rows(), "test", Accuracy(), reference=tmp_path / "kept")
    assert same.scores == (1.0,) * 90
    assert same.agreement == (1.0,) * 90


def test_an_exported_program_tells_its_ending(tmp_path: Path) -> None:
    import torch
    from torch import nn

    from thimble.formats import pt2

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(6, 1), nn.Linear(6, 3)

        def forward(self, x: Any) -> Any:
            return torch.sigmoid(self.a(x)).squeeze(1), self.b(torch.relu(x)).softmax(1)

    torch.export.save(torch.export.export(Two().eval(), (torch.zeros(2, 6),)), tmp_path / "model.pt2")
    assert pt2.endings(tmp_path / "model.pt2") == {"0": "sigmoid", "1": "softmax"}
