"""What labels mean that come as plain numbers: classes, one-hot rows, several labels for each sample, masks or values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CLASSES = 1000
"""Floats that are whole numbers count as classes up to so many."""
SAMPLES_PER_CLASS = 2
"""Samples of each class on average from which floats that are whole numbers count as classes, not as values."""


def understood(targets: NDArray[Any], metric: str | None = None) -> tuple[NDArray[Any], str, tuple[str, ...]]:
    """Return labels as the metrics take them, the metric that suits them, and notes on what was changed.

    ``metric`` is the user's own wish, which decides. One-hot rows become classes, of whatever type they are; floats that are whole
    numbers from 0 on, without gaps, are classes too. Rows of zeros and ones in any number are several labels for each sample (F1).
    Other floats are values (squared error relative to their spread), other whole numbers of more dimensions a class for each pixel.
    """
    import numpy as np

    notes: list[str] = []
    if targets.dtype == np.uint64 and targets.size and targets.max() > np.iinfo(np.int64).max:
        raise BadInput(f"y holds {int(targets.max())}, which is no class and too large for int64")
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    wants_classes = metric in (None, "accuracy")
    if wants_classes and _one_hot(targets):
        notes.append(f"labels are one-hot rows of {targets.shape[1]}: the class is the place of the 1")
        targets = targets.argmax(axis=1)
    elif wants_classes and _whole_classes(targets):
        notes.append(f"labels are {targets.dtype} and all whole numbers from 0 to {int(targets.max())}: taken as classes")
        targets = targets.astype(np.int64)
    if targets.dtype.kind in "iub" or (metric not in (None, "mse", "relative_mse") and (targets == np.round(targets)).all()):
        targets = targets.astype(np.int64)
    if metric is None:
        metric = _metric(targets)
        if metric == "f1":
            notes.append(f"labels are {targets.shape[1]} zeros and ones for each sample: scored by the mean F1 of the labels")
            targets = targets.astype(np.int64)
    return targets, metric, tuple(notes)


def _metric(targets: NDArray[Any]) -> str:
    if targets.ndim == 2 and _binary(targets):
        return "f1"
    if targets.dtype.kind == "f":
        return "relative_mse"
    return "accuracy" if targets.ndim == 1 else "mean_iou"


def _binary(targets: NDArray[Any]) -> bool:
    return bool(((targets == 0) | (targets == 1)).all())


def _one_hot(targets: NDArray[Any]) -> bool:
    """Return whether every row has a single 1, and zeros besides."""
    return targets.ndim == 2 and targets.shape[1] > 1 and _binary(targets) and bool((targets.sum(axis=1) == 1).all())


def _whole_classes(targets: NDArray[Any]) -> bool:
    """Return whether floats are the numbers of classes: whole, from 0 on without gaps, each often enough."""
    import numpy as np

    if targets.ndim != 1 or targets.dtype.kind != "f":
        return False
    found = np.unique(targets)
    count = len(found)
    return 2 <= count <= min(MOST_CLASSES, len(targets) // SAMPLES_PER_CLASS) and bool((found == np.arange(count)).all())
