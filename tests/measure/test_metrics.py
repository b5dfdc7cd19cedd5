from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, mean_squared_error

from thimble.core.errors import BadInput
from thimble.core.registry import METRICS
from thimble.core.task import Metric
from thimble.measure.metrics.accuracy import Accuracy
from thimble.measure.metrics.agreement import Agreement
from thimble.measure.metrics.f1 import F1
from thimble.measure.metrics.mean_iou import MeanIou
from thimble.measure.metrics.mse import Mse

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


def test_a_number_that_decides_nothing_can_not_agree() -> None:
    with pytest.raises(BadInput, match="SQNR"):
        Agreement().score(outputs(LOGITS[:, :1]), LOGITS[:, :1])
