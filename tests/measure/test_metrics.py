from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, mean_squared_error, r2_score

from thimble.core.errors import BadInput
from thimble.core.registry import METRICS
from thimble.core.task import Metric
from thimble.measure.metrics.accuracy import Accuracy
from thimble.measure.metrics.agreement import Agreement
from thimble.measure.metrics.dice import Dice
from thimble.measure.metrics.f1 import F1
from thimble.measure.metrics.fidelity import Fidelity
from thimble.measure.metrics.map_agreement import MapAgreement
from thimble.measure.metrics.mean_iou import MeanIou
from thimble.measure.metrics.mse import Mse
from thimble.measure.metrics.relative_mse import RelativeMse

GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(size=(200, 5)).astype(np.float32)
TARGETS = GENERATOR.integers(0, 5, 200)


def outputs(values: Any) -> dict[str, Any]:
    return {"output": np.asarray(values), "other": np.zeros(3)}


@pytest.mark.parametrize("name", METRICS.names())
def test_every_metric_keeps_the_protocol(name: str) -> None:
    metric = METRICS.get(name)()
    assert isinstance(metric, Metric)
    assert metric.unit in ("%", "")
    assert isinstance(metric.higher_is_better, bool)
    assert isinstance(metric.binary, bool)


def test_guessing_is_the_share_of_the_most_frequent_class() -> None:
    from sklearn.dummy import DummyClassifier

    targets = np.array([3, 1, 3, 2, 3, 1])
    assert Accuracy.guessing(targets) == DummyClassifier(strategy="most_frequent").fit(targets, targets).score(targets, targets) == 0.5


def test_accuracy_is_what_others_compute() -> None:
    scores = Accuracy().score(outputs(LOGITS), TARGETS)
    assert set(scores) == {0.0, 1.0}
    assert Accuracy().aggregate(scores) == accuracy_score(TARGETS, LOGITS.argmax(1))


def test_one_logit_decides_at_zero() -> None:
    for shape in ((4,), (4, 1)):
        scores = Accuracy().score(outputs(np.array([-1.0, 1.0, 2.0, -2.0]).reshape(shape)), np.array([0, 1, 0, 1]))
        assert scores.tolist() == [1, 1, 0, 0]


def test_whole_numbers_are_decisions_already() -> None:
    assert Accuracy().score(outputs(np.array([3, 1])), np.array([3, 2])).tolist() == [1, 0]


def test_a_label_out_of_range_is_named() -> None:
    with pytest.raises(BadInput, match="class 7, the model decides between 0 and 4"):
        Accuracy().score(outputs(LOGITS), np.where(TARGETS == 4, 7, TARGETS))
    with pytest.raises(BadInput, match="class -1"):
        Accuracy().score(outputs(LOGITS), TARGETS - 1)
    with pytest.raises(BadInput, match="whole numbers"):
        Accuracy().score(outputs(LOGITS), TARGETS.astype(np.float32))


def test_targets_of_another_shape_are_refused() -> None:
    for metric in (Accuracy(), F1(), Mse(), MeanIou()):
        with pytest.raises(BadInput, match="shape"):
            metric.score(outputs(LOGITS), np.zeros((200, 3, 3), np.int64))


def test_f1_is_what_others_compute() -> None:
    metric = F1()
    assert metric.aggregate(metric.score(outputs(LOGITS), TARGETS)) == pytest.approx(f1_score(TARGETS, LOGITS.argmax(1), average="macro"))
    labels = (GENERATOR.random((200, 5)) > 0.5).astype(np.int64)
    found = metric.aggregate(metric.score(outputs(LOGITS), labels))
    assert found == pytest.approx(f1_score(labels, LOGITS > 0, average="macro"))
    yes = GENERATOR.integers(0, 2, 200)
    assert metric.aggregate(metric.score(outputs(LOGITS[:, 0]), yes)) == pytest.approx(f1_score(yes, LOGITS[:, 0] > 0))


def test_f1_comes_out_the_same_in_pieces() -> None:
    metric = F1()
    parts = [metric.score(outputs(LOGITS[i : i + 7]), TARGETS[i : i + 7]) for i in range(0, 200, 7)]
    assert metric.aggregate(np.concatenate(parts)) == metric.aggregate(metric.score(outputs(LOGITS), TARGETS))


def test_mean_iou_is_what_others_compute_and_ignores_255() -> None:
    maps, targets = GENERATOR.normal(size=(3, 4, 6, 6)), GENERATOR.integers(0, 4, (3, 6, 6))
    targets[0, 0] = 255
    metric = MeanIou()
    scores = metric.score(outputs(maps), targets)
    assert scores.shape == (3, 8)
    seen = targets != 255
    assert metric.aggregate(scores) == pytest.approx(jaccard_score(targets[seen], maps.argmax(1)[seen], average="macro"))


def test_a_class_that_never_occurs_is_left_out_of_the_mean() -> None:
    maps = np.zeros((1, 3, 2, 2))
    maps[:, 0] = 1
    assert MeanIou().aggregate(MeanIou().score(outputs(maps), np.zeros((1, 2, 2), np.int64))) == 1.0


def test_mse_is_what_others_compute() -> None:
    wanted = GENERATOR.normal(size=(200, 1))
    metric = Mse()
    found = metric.aggregate(metric.score(outputs(LOGITS[:, :1]), wanted[:, 0]))
    assert found == pytest.approx(mean_squared_error(wanted, LOGITS[:, :1]))
    assert not metric.higher_is_better


def test_agreement_counts_equal_decisions() -> None:
    other = LOGITS.copy()
    other[:20] = -other[:20]
    scores = Agreement().score(outputs(LOGITS), other)
    assert scores[20:].all()
    assert Agreement().aggregate(scores) == np.mean(LOGITS.argmax(1) == other.argmax(1))


def test_a_map_agrees_where_nearly_all_pixels_do() -> None:
    maps = GENERATOR.normal(size=(2, 3, 20, 20))
    other = maps.copy()
    other[0, :, 0, 0] *= -1  # 1 pixel of 400
    other[1, :, 0] *= -1  # 20 of 400
    assert Agreement().score(outputs(maps), other).tolist() == [1, 0]


def test_one_number_agrees_by_its_threshold() -> None:
    values = np.array([0.2, 0.6, 0.9, 0.4])
    assert Agreement(threshold=0.5).score(outputs(values), np.array([0.1, 0.7, 0.2, 0.6])).tolist() == [1, 1, 0, 0]
    assert Agreement(threshold=0.0).score(outputs(values), np.array([0.1, 0.7, 0.2, 0.6])).tolist() == [1, 1, 1, 1]


def test_a_probability_decides_at_a_half_and_a_logit_at_zero() -> None:
    logits, targets = GENERATOR.normal(size=300), GENERATOR.integers(0, 2, 300)
    as_logits = Accuracy().score(outputs(logits), targets)
    as_probabilities = Accuracy(threshold=0.5).score(outputs(1 / (1 + np.exp(-logits))[:, None]), targets)
    assert as_logits.tolist() == as_probabilities.tolist()
    assert Accuracy().aggregate(as_logits) == accuracy_score(targets, logits > 0)


def test_several_labels_are_decided_at_the_threshold() -> None:
    labels = (GENERATOR.random((200, 5)) > 0.5).astype(np.int64)
    found = F1(threshold=0.5).aggregate(F1(threshold=0.5).score(outputs(1 / (1 + np.exp(-LOGITS))), labels))
    assert found == pytest.approx(f1_score(labels, LOGITS > 0, average="macro"))


@pytest.mark.parametrize("metric", [MeanIou, Dice])
def test_a_mask_of_one_channel_is_decided_at_the_threshold(metric: Any) -> None:
    mask, targets = GENERATOR.normal(size=(6, 1, 8, 8)), GENERATOR.integers(0, 2, (6, 8, 8))
    targets[0, 0] = 255
    known = targets != 255
    wanted = jaccard_score if metric is MeanIou else f1_score
    both = [(mask, metric(threshold=0.0)), (1 / (1 + np.exp(-mask)), metric(threshold=0.5))]
    for values, judge in both:
        found = judge.aggregate(judge.score(outputs(values), targets))
        assert found == pytest.approx(wanted(targets[known], (mask[:, 0] > 0)[known], average="macro"))


def test_dice_is_the_f1_of_pixels() -> None:
    maps, targets = GENERATOR.normal(size=(6, 3, 8, 8)), GENERATOR.integers(0, 3, (6, 8, 8))
    found = Dice().aggregate(Dice().score(outputs(maps), targets))
    assert found == pytest.approx(f1_score(targets.ravel(), maps.argmax(1).ravel(), average="macro"))


@pytest.mark.parametrize("values", [1, 3])
def test_relative_error_is_one_minus_r2(values: int) -> None:
    given, wanted = GENERATOR.normal(size=(2, 300, values)) + np.arange(values)
    given = wanted + given / 10
    metric = RelativeMse()
    rows = metric.score(outputs(given), wanted)
    assert metric.aggregate(rows) == pytest.approx(1 - r2_score(wanted, given))
    assert metric.aggregate(metric.score(outputs(np.full_like(given, wanted.mean(0))), wanted)) == pytest.approx(1)
    assert metric.beside(rows)["mean squared error"] == f"{mean_squared_error(wanted, given):.4g}"


def test_fidelity_is_the_relative_error_of_the_worst_output() -> None:
    others = {"a": GENERATOR.normal(size=(50, 4)), "b": GENERATOR.normal(size=(50, 2, 3))}
    ours = {"a": others["a"] * 1.01, "b": others["b"] * 0.9}
    metric = Fidelity()
    assert metric.aggregate(metric.compare(ours, others)) == pytest.approx(0.1)
    assert metric.aggregate(metric.compare(others, others)) == 0
    with pytest.raises(BadInput, match="shape"):
        metric.compare({"a": others["a"], "b": others["a"]}, others)


def test_pixels_agree_one_by_one() -> None:
    maps = GENERATOR.normal(size=(2, 3, 20, 20))
    other = maps.copy()
    other[0, :, 0, 0] *= -1
    shares = MapAgreement().compare(outputs(maps), outputs(other))
    assert shares.tolist() == [399 / 400, 1]
