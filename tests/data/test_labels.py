from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from thimble.core.errors import BadInput
from thimble.data._labels import understood

RNG = np.random.default_rng(0)
CLASSES = np.arange(60) % 3


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "uint8", "bool"])
def test_one_hot_rows_are_classes(kind: str) -> None:
    targets, metric, notes = understood(np.eye(3)[CLASSES].astype(kind))
    assert metric == "accuracy"
    assert targets.tolist() == CLASSES.tolist()
    assert "one-hot" in notes[0]


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_floats_that_are_whole_numbers_are_classes(kind: str) -> None:
    targets, metric, notes = understood(CLASSES.astype(kind)[:, None])
    assert (metric, targets.dtype, targets.tolist()) == ("accuracy", np.int64, CLASSES.tolist())
    assert "whole numbers from 0 to 2" in notes[0]


@pytest.mark.parametrize(
    "values",
    [
        RNG.normal(size=60),
        CLASSES + 1.0,  # classes count from 0
        np.arange(60.0),  # each once: a quantity
        RNG.random((60, 3)),
        np.array([0.0, 2.0] * 30),  # a gap
    ],
)
def test_other_floats_are_values(values: Any) -> None:
    targets, metric, notes = understood(values)
    assert metric == "relative_mse"
    assert targets is values
    assert notes == ()


def test_zeros_and_ones_in_any_number_are_labels() -> None:
    rows = (RNG.random((60, 4)) > 0.5).astype(np.float32)
    targets, metric, notes = understood(rows)
    assert (metric, targets.dtype) == ("f1", np.int64)
    assert "4 zeros and ones" in notes[0]


def test_a_wish_decides() -> None:
    floats = CLASSES.astype(np.float64)
    assert understood(floats, "mse")[0] is floats
    assert understood(np.eye(3)[CLASSES], "relative_mse")[0].shape == (60, 3)
    assert understood(np.eye(3)[CLASSES], "f1")[0].shape == (60, 3)
    assert understood(CLASSES, "f1")[:2][1] == "f1"


def test_a_number_beyond_int64_is_told_and_not_wrapped() -> None:
    with pytest.raises(BadInput, match="y holds 9223372036854775809"):
        understood(np.array([0, 2**63 + 1], np.uint64))
