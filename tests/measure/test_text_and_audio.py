from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from thimble.core.errors import BadInput
from thimble.measure.metrics.auc import Auc
from thimble.measure.metrics.cer import Cer, edits
from thimble.measure.metrics.eer import Eer
from thimble.measure.metrics.text_agreement import TextAgreement

RNG = np.random.default_rng(0)


def written(path: list[int], characters: int = 5) -> np.ndarray:
    return np.eye(characters)[path][None]


def test_steps_are_merged_and_blanks_dropped() -> None:
    values = written([0, 1, 1, 0, 1, 2, 2, 0])  # with blank 0: 1 1 2
    assert Cer().score({"y": values}, np.array([[0, 1, 1, 2, -1]])).tolist() == [[0, 3]]
    assert Cer().score({"y": values}, np.array([[0, 1, 2, -1, -1]])).tolist() == [[1, 2]]
    last = written([4, 1, 1, 4, 1, 2, 2, 4])
    assert Cer().score({"y": last}, np.array([[-1, 1, 1, 2, -1]])).tolist() == [[0, 3]]
    assert Cer().aggregate(np.array([[1, 2], [0, 3]])) == 0.2


def test_edits_are_counted() -> None:
    assert [edits([1, 2, 3], other) for other in ([1, 2, 3], [1, 3], [], [3, 2, 1], [1, 2, 3, 4])] == [0, 1, 3, 2, 1]


def test_cer_refuses_other_shapes() -> None:
    with pytest.raises(BadInput, match="steps"):
        Cer().score({"y": np.zeros((2, 5))}, np.zeros((2, 3), int))


def test_texts_agree_character_by_character() -> None:
    one, other = written([0, 1, 0, 2, 0, 3]), written([0, 1, 0, 2, 0, 4])
    assert TextAgreement().compare({"y": one}, {"y": one}).tolist() == [1]
    assert TextAgreement().compare({"y": other}, {"y": one})[0] == pytest.approx(2 / 3)


@pytest.mark.parametrize("columns", [1, 2])
def test_auc_and_eer_are_what_others_compute(columns: int) -> None:
    targets = (RNG.random(400) < 0.2).astype(int)
    scores = np.round(RNG.normal(targets, 1.0), 1)  # with ties
    outputs = {"y": scores[:, None] if columns == 1 else np.stack([-scores / 2, scores / 2], 1)}
    assert Auc().aggregate(Auc().score(outputs, targets)) == pytest.approx(roc_auc_score(targets, scores))
    accepted, found, _ = roc_curve(targets, scores, drop_intermediate=False)
    grid = np.linspace(0, 1, 200_001)
    refused = 1 - np.interp(grid, accepted, found)
    assert Eer().aggregate(Eer().score(outputs, targets)) == pytest.approx(grid[np.argmin(np.abs(grid - refused))], abs=1e-4)


def test_one_class_alone_tells_nothing() -> None:
    rows = Auc().score({"y": np.arange(4.0)}, np.ones(4, int))
    assert Auc().aggregate(rows) == Eer().aggregate(rows) == 0.5
    with pytest.raises(BadInput, match="classes 0 and 1"):
        Auc().score({"y": np.zeros((4, 3))}, np.ones(4, int))
