"""Evidence from ONNX files made by hand: what runs in integers, ranges, the most sensitive layers, both processors."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.core.artifact import Artifact
from thimble.core.registry import METRICS
from thimble.core.subject import Subject
from thimble.core.task import Batch
from thimble.core.values import File, TensorSpec
from thimble.measure.integers.scores import Reading, at_risk, on_both, reading, spread
from thimble.measure.probes.graph import Graph
from thimble.measure.probes.ranges import Ranges
from thimble.measure.sensitivity import sensitivity_db

_spec = importlib.util.spec_from_file_location("quantized", Path(__file__).parent / "quantized.py")
assert _spec is not None
assert _spec.loader is not None
quantized = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(quantized)


def subject(path: Path) -> Subject:
    given = (TensorSpec("x", (None, *quantized.IMAGES)),)
    return Subject("it", path.parent, Artifact("onnx", path.name, (File.of(path, path.parent),), given, ("output",)), "onnxruntime")


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return subject(quantized.convolutions(tmp_path_factory.mktemp("unsigned") / "model.onnx"))


def test_what_runs_in_integers(unsigned: Subject) -> None:
    found = Graph().observe(unsigned, {})
    assert (found["quantized"], found["integer"], found["float"]) == (5, 5, 0)
    assert (found["quantize"], found["dequantize"]) == (1, 1)
    assert found["activations"] == {"uint8": 8}
    assert (found["convolutions"], found["not_by_8"], found["not_by_16"]) == (4, 2, 2)
    assert found["fake_quantized"] == found["dynamic"] == 0


def islands(path: Path) -> Path:
    """A residual sum of signed activations, which ONNX Runtime does not fuse on x86; fake-quantized weights; a batch norm."""
    b = quantized.Builder(np.int8)
    x = b.act("x", 1 / 255, 128)
    y = b.act(b.node("Conv", [x, *b.weight("w1", (3, 3, 3, 3), 1 / 255)], "conv1", pads=[1, 1, 1, 1]), 0.02, 128)
    y = b.act(b.node("Add", [y, x], "sum"), 0.02, 128)
    b.constant("w2", b.generator.normal(size=(8, 3, 3, 3)).astype(np.float32))
    how = [b.constant("w2_s", np.float32(0.03)), b.constant("w2_z", np.int8(0))]
    w = b.node("DequantizeLinear", [b.node("QuantizeLinear", ["w2", *how], "w2_q"), *how], "w2_d")
    y = b.act(b.node("Conv", [y, w], "conv2"), 0.1, 128)
    ones = [b.constant(name, np.full(8, value, np.float32)) for name, value in (("a", 2), ("b", 0), ("m", 0), ("v", 1))]
    y = b.node("BatchNormalization", [y, *ones], "norm")
    y = b.node("Flatten", [b.node("GlobalAveragePool", [y], "pool")], "output")
    return b.save(path, quantized.IMAGES, 8)


def test_islands_fake_quantized_weights_and_batch_norms_are_counted(tmp_path: Path) -> None:
    found = Graph().observe(subject(islands(tmp_path / "model.onnx")), {})
    assert found["fake_quantized"] == 4 * 8 * 3 * 9
    assert found["batch_norms"] == 1
    assert found["quantized"] == 2
    assert found["integer"] + found["float"] == 2
    assert found["activations"] == {"int8": 4}


def test_other_formats_show_no_graph(unsigned: Subject) -> None:
    from dataclasses import replace

    other = replace(unsigned, artifact=replace(unsigned.artifact, format="pt2"))
    assert "not available" in Graph().observe(other, {})
    assert "not available" in Ranges().observe(other, {})


@pytest.mark.parametrize(("low", "high", "clipped", "used"), [(0, 1, 0.0, 1.0), (0, 2, 0.5, 1.0), (0, 0.25, 0.0, 0.25)])
def test_inputs_beside_the_range_they_were_calibrated_on(unsigned: Subject, low: float, high: float, clipped: float, used: float) -> None:
    x = np.linspace(low, high, 4 * 768, dtype=np.float32).reshape(4, *quantized.IMAGES)
    found = Ranges().observe(unsigned, {"x": x})
    assert found["input"]["x"]["clipped"] == pytest.approx(clipped, abs=0.01)
    assert found["input"]["x"]["used"] == pytest.approx(used, abs=0.01)
    assert found["tensors"] == 7


def original(path: Path, weights: dict[str, Any]) -> Path:
    """A float file that holds nothing but weights."""
    from onnx import helper, numpy_helper, save

    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    save(helper.make_model(helper.make_graph([], "weights", [], [], tensors)), str(path))
    return path


def test_the_layer_with_wrong_weights_is_the_most_sensitive(unsigned: Subject, tmp_path: Path) -> None:
    import onnx

    path = unsigned.folder / unsigned.artifact.main
    given = [quantized.inputs(quantized.IMAGES)]
    found = sensitivity_db(path, None, given, 1, 60.0)
    assert set(found) == {"conv1", "conv2", "depthwise", "pointwise", "linear"}
    assert list(found.values()) == sorted(found.values())
    assert found["conv1"] > 40
    held = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(str(path)).graph.initializer}
    real = held["w1_quantized"] * held["w1_s"].reshape(-1, 1, 1, 1)
    spoiled = sensitivity_db(path, original(tmp_path / "float.onnx", {"w1": (-3 * real).astype(np.float32)}), given, 1, 60.0)
    assert next(iter(spoiled)) == "conv1"
    assert spoiled["conv1"] < 5


def test_time_for_ranking_is_limited(unsigned: Subject) -> None:
    assert len(sensitivity_db(unsigned.folder / "model.onnx", None, [quantized.inputs(quantized.IMAGES, 1)], 1, 0.0)) == 1


def test_scores_with_and_without_vnni(unsigned: Subject, tmp_path: Path) -> None:
    x = quantized.inputs(quantized.IMAGES, 8)
    real = quantized.session(unsigned.folder / "model.onnx", "DISABLE").run(None, x)[0]
    batches = tuple(Batch({"x": x["x"][i : i + 4]}, real[i : i + 4].argmax(1)) for i in (0, 4))
    found = on_both(unsigned, Reading(batches, (real[:4], real[4:]), "validation"), METRICS.get("accuracy")())
    better, worse = found["with VNNI"], found["without VNNI"]
    assert {better["how"], worse["how"]} == {"measured", "emulated"}
    assert better["scores"] == [1.0] * 8
    assert better["sqnr_db"] > 30 > worse["sqnr_db"]
    assert found["between_db"] < 30
    assert list(found["cut"].values()) == sorted(found["cut"].values(), reverse=True)
    assert {"conv1", "linear"} <= set(found["cut"])
    hasty = on_both(unsigned, Reading(batches, None, "validation"), None, seconds=0.0)
    assert hasty["samples"] == 4
    safe = subject(quantized.convolutions(tmp_path / "model.onnx", weights=63))
    assert at_risk(tmp_path / "model.onnx") == []
    same = on_both(safe, Reading(batches, None, "validation"), None)
    assert same["between_db"] == 200.0
    assert "no pair of products can overflow" in same["with VNNI"]["how"] + same["without VNNI"]["how"]


def test_samples_are_spread_over_a_split(unsigned: Subject) -> None:
    x = np.arange(100, dtype=np.float32).repeat(768).reshape(100, *quantized.IMAGES)

    class Plain:
        def __len__(self) -> int:
            return 100

        def batches(self, size: int) -> Any:
            return (Batch({"x": x[i : i + size]}, np.arange(i, i + size)) for i in range(0, 100, size))

    inner: Any = Plain()
    assert sorted(spread(inner, 5)) == [0, 25, 50, 74, 99]
    assert spread(inner, 50) != sorted(spread(inner, 50))
    found = reading(inner, "validation", unsigned, 5)
    assert np.concatenate([batch.targets for batch in found.batches]).tolist() == [0, 25, 50, 74, 99]
    assert found.samples == 5
    assert [len(batch) for batch in reading(inner, "validation", unsigned, 5, alone=True).batches] == [1] * 5
