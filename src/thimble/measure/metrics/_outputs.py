"""What a network decided, read from its outputs; the first output is the one that is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


def primary(outputs: Arrays) -> NDArray[Any]:
    """The first output."""
    return next(iter(outputs.values()))


def class_axis(values: NDArray[Any]) -> int:
    """Where an output's classes lie: second for (n, classes) and maps, last for (n, tokens, classes)."""
    return 2 if values.ndim == 3 else 1


def single(values: NDArray[Any]) -> bool:
    """Return whether an output has one real number where a decision could be: per sample, token or pixel."""
    return values.dtype.kind not in "iub" and (values.ndim < 2 or values.shape[class_axis(values)] == 1)


def decisions(values: NDArray[Any], threshold: float | None = None) -> NDArray[Any] | None:
    """The decided classes: whole numbers as they are, else the largest over the classes; ``None`` where nothing is decided.

    One real number decides for class 1 above the ``threshold``; without one it is no decision: it may be a regression's.
    """
    if values.dtype.kind in "iub":
        return values
    if not single(values):
        return np.asarray(values.argmax(axis=class_axis(values)))
    if threshold is None:
        return None
    numbers = values if values.ndim < 2 else values.squeeze(axis=class_axis(values))
    return np.asarray(numbers > threshold).astype(np.int64)


def decided_classes(values: NDArray[Any], threshold: float = 0.0) -> NDArray[Any]:
    """Decided classes where there must be some; one real number decides for class 1 above the ``threshold``."""
    found = decisions(values, threshold)
    assert found is not None
    return found


def threshold_of(values: NDArray[Any]) -> float:
    """The number above which outputs decide for class 1, by their values: 0.5 for probabilities, all from 0 to 1, else 0."""
    return 0.5 if values.size and values.min() >= 0 and values.max() <= 1 else 0.0


def checked_targets(targets: NDArray[Any], values: NDArray[Any], ignored: int | None = None) -> NDArray[Any]:
    """Targets as classes that the output can decide for; raises `BadInput` for any others."""
    if targets.dtype.kind not in "iub":
        raise BadInput(f"targets of type {targets.dtype} are no classes: they must be whole numbers")
    if values.dtype.kind in "iub":
        return targets
    classes = 2 if single(values) else values.shape[class_axis(values)]
    real = targets if ignored is None else targets[targets != ignored]
    if real.size and (real.min() < 0 or real.max() >= classes):
        wrong = real.min() if real.min() < 0 else real.max()
        raise BadInput(f"a target is class {wrong}, the model decides between 0 and {classes - 1}: check the labels, or the model's head")
    return targets
