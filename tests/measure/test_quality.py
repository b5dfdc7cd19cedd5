from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.core.errors import BadInput, RuntimeFailed
from thimble.core.seen import digests_of, write_seen
from thimble.core.task import Batch
from thimble.core.values import TensorSpec
from thimble.data import array_task
from thimble.measure.metrics.accuracy import Accuracy
from thimble.measure.metrics.agreement import Agreement
from thimble.measure.outputs import sqnr_db
from thimble.measure.quality import check_not_learned, measure_quality


class Noise:
    """A split of random images with random labels; remembers the batch sizes it was read in."""

    def __init__(self, samples: int, labelled: bool = True, name: str = "image") -> None:
        generator = np.random.default_rng(2)
        self.x = generator.normal(size=(samples, 3, 8, 8)).astype(np.float32)
        self.y = generator.integers(0, 4, samples) if labelled else None
        self.name = name
        self.sizes: set[int] = set()

    def __len__(self) -> int:
        return len(self.x)

    def batches(self, size: int) -> Iterator[Batch]:
        self.sizes.add(size)
        for i in range(0, len(self.x), size):
            yield Batch({self.name: self.x[i : i + size]}, None if self.y is None else self.y[i : i + size])

    def fingerprint(self) -> str:
        return "noise"

    def sample_ids(self) -> tuple[str, ...]:
        return tuple(map(str, range(len(self.x))))


def test_scores_are_those_of_the_network(pt2_subject: Any, network: Any) -> None:
    import torch

    split = Noise(75)
    quality = measure_quality(pt2_subject, split, "test", Accuracy())
    with torch.no_grad():
        right = network(torch.from_numpy(split.x)).argmax(1).numpy() == split.y
    assert quality.scores == tuple(right.astype(float))
    assert (quality.split, quality.fingerprint, quality.metric) == ("test", "noise", "accuracy")
    assert quality.agreement == ()
    assert quality.sqnr_db is quality.cosine is None
    assert quality.guessing == np.bincount(split.y).max() / 75


def test_outputs_are_kept_and_compared(pt2_subject: Any, onnx_subject: Any, tmp_path: Path) -> None:
    split = Noise(70)
    measure_quality(pt2_subject, split, "test", Accuracy(), keep=tmp_path / "kept")
    assert np.load(tmp_path / "kept" / "0.npy").shape == (70, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    quality = measure_quality(onnx_subject, split, "test", Accuracy(), reference=tmp_path / "kept")
    assert quality.agreement == (1.0,) * 70
    assert quality.sqnr_db is not None
    assert quality.sqnr_db > 100
    assert quality.cosine == pytest.approx(1)


def test_a_wrong_artifact_disagrees(scripted: Any, tmp_path: Path) -> None:
    split = Noise(40)
    measure_quality(scripted("good"), split, "test", Agreement(), keep=tmp_path / "kept")
    quality = measure_quality(scripted("bad", gain=-1), split, "test", Agreement(), reference=tmp_path / "kept")
    assert quality.cosine == pytest.approx(-1)
    assert quality.sqnr_db == pytest.approx(-6.02, abs=0.01)
    assert max(quality.agreement) < 0.1


def test_without_labels_agreement_is_the_score(onnx_subject: Any, tmp_path: Path) -> None:
    split = Noise(40, labelled=False)
    first = measure_quality(onnx_subject, split, "test", Agreement(), keep=tmp_path / "kept")
    assert first.scores == (1.0,) * 40
    assert measure_quality(onnx_subject, split, "test", Accuracy(), reference=tmp_path / "kept").scores == ()


def test_an_input_is_taken_by_position_where_names_differ(onnx_subject: Any) -> None:
    assert len(measure_quality(onnx_subject, Noise(10, name="pixels"), "test", Accuracy()).scores) == 10


def test_missing_inputs_are_named(onnx_subject: Any) -> None:
    class Two(Noise):
        def batches(self, size: int) -> Iterator[Batch]:
            for batch in super().batches(size):
                yield Batch({"left": batch.inputs["image"], "right": batch.inputs["image"]}, batch.targets)

    with pytest.raises(BadInput, match="takes image, the data gives left, right"):
        measure_quality(onnx_subject, Two(10), "test", Accuracy())


def test_a_fixed_batch_is_filled_up(onnx_subject: Any, pt2_subject: Any) -> None:
    split = Noise(10)
    fixed = replace(onnx_subject, artifact=replace(onnx_subject.artifact, inputs=(TensorSpec("image", (4, 3, 8, 8)),)))
    scores = measure_quality(fixed, split, "test", Accuracy()).scores
    assert split.sizes == {4}
    assert scores == measure_quality(pt2_subject, split, "test", Accuracy()).scores


def test_samples_that_change_each_others_outputs_are_scored_one_by_one(onnx_subject: Any, tmp_path: Path) -> None:
    """Dynamic quantization takes one range from the whole batch."""
    import onnxruntime.quantization as quantization

    dynamic = tmp_path / "model.onnx"
    quantization.quantize_dynamic(onnx_subject.folder / "model.onnx", dynamic)
    split, subject = Noise(40), replace(onnx_subject, folder=tmp_path)
    split.x[0] *= 100
    measure_quality(subject, split, "test", Accuracy())
    assert 1 in split.sizes
    measure_quality(onnx_subject, split, "test", Accuracy())
    assert 32 in split.sizes


def test_outputs_that_are_not_finite_are_an_error(scripted: Any) -> None:
    with pytest.raises(RuntimeFailed, match=r"^it: output 'output' holds \d+ values that are NaN or infinite"):
        measure_quality(scripted(nan=True), Noise(5), "test", Accuracy())


def test_nothing_half_kept_is_left_behind(scripted: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailed):
        measure_quality(scripted(do="fail", after=6), Noise(100), "test", Agreement(), keep=tmp_path / "outputs" / "kept")
    assert list((tmp_path / "outputs").iterdir()) == []


def test_an_empty_split_is_refused(onnx_subject: Any) -> None:
    with pytest.raises(BadInput, match="no samples"):
        measure_quality(onnx_subject, Noise(0), "test", Accuracy())


def test_a_reference_of_other_outputs_is_refused(onnx_subject: Any, scripted: Any, tmp_path: Path) -> None:
    measure_quality(scripted(), Noise(10), "test", Agreement(), keep=tmp_path / "kept")
    with pytest.raises(BadInput, match="can't be compared"):
        measure_quality(onnx_subject, Noise(10), "test", Accuracy(), reference=tmp_path / "kept")
    with pytest.raises(BadInput, match="no outputs"):
        measure_quality(onnx_subject, Noise(10), "test", Accuracy(), reference=tmp_path / "nowhere")


def test_samples_that_an_artifact_has_learned_from_are_refused(tmp_path: Path) -> None:
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    task = array_task({"train": (rows[:10], np.arange(10) % 2), "test": (rows[10:], np.arange(10) % 2)})
    check_not_learned(task, "test", str(tmp_path))
    write_seen(digests_of(task, ["train"]), tmp_path)
    check_not_learned(task, "test", str(tmp_path))
    write_seen(digests_of(task, ["train"]) | set(sorted(digests_of(task, ["test"]))[:3]), tmp_path)
    with pytest.raises(BadInput, match="has seen 3 of the 10 test samples"):
        check_not_learned(task, "test", str(tmp_path))


def test_sqnr_in_decibels() -> None:
    assert sqnr_db(100.0, 1.0) == pytest.approx(20.0)
    assert sqnr_db(1.0, 0.0) == 200.0
    assert sqnr_db(0.0, 1.0) == -200.0


def test_outputs_on_the_same_inputs_are_alike_or_say_why_not() -> None:
    from thimble.measure.outputs import likeness

    one = [np.array([[1.0, 2.0]]), np.array([[3.0, -1.0]])]
    assert likeness(one, one) == {"sqnr_db": 200.0, "cosine": pytest.approx(1), "largest": 0.0, "reach": 3.0}
    found = likeness([1.1 * array for array in one], one)
    assert (found["sqnr_db"], found["cosine"]) == (pytest.approx(20), pytest.approx(1))
    assert "shape" in likeness([array[:, :1] for array in one], one)["not available"]
    assert "NaN" in likeness([np.nan * array for array in one], one)["not available"]
