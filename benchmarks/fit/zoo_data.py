"""Data for the zoo: a few real images (scikit-learn's digits) at several sizes, and small sets of every other kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from thimble.core.task import Task, TaskSpec
from thimble.data import array_task, open_task

SAMPLES = {"calibration": 16, "validation": 16, "test": 4}
SIZES = (64, 96, 128, 224)
"""Image sizes to try, the smallest first."""


def images(size: int) -> Task:
    """A few images without labels: quality is agreement with the model as given."""
    digits = open_task(TaskSpec("digits", size))
    splits = {}
    for name, count in SAMPLES.items():
        batch = next(iter(digits.split(name).batches(count)))
        splits[name] = (batch.inputs, None)
    return array_task(splits, "agreement", name=f"digits at {size} pixels")


def images64() -> Task:
    return images(64)


def images96() -> Task:
    return images(96)


def images128() -> Task:
    return images(128)


def images224() -> Task:
    return images(224)


def segments() -> Task:
    """Images with a class for every pixel: the digit where it is bright, else the ground."""
    digits, splits = open_task(TaskSpec("digits", 64)), {}
    for name, count in SAMPLES.items():
        batch = next(iter(digits.split(name).batches(count)))
        bright = next(iter(batch.inputs.values())).mean(axis=1) > 0
        assert batch.targets is not None
        splits[name] = (batch.inputs, np.where(bright, batch.targets[:, None, None] + 1, 0).astype(np.int64))
    return array_task(splits, "mean_iou", [str(i) for i in range(21)], name="digits, pixel by pixel")


def _made(draw: Any, classes: int, name: str) -> Task:
    """Inputs drawn from a fixed seed, with labels that nothing depends on."""
    rng, splits = np.random.default_rng(0), {}
    for split, count in {"train": 64, **SAMPLES}.items():
        splits[split] = (draw(rng, count), rng.integers(0, classes, count))
    return array_task(splits, "accuracy", [str(i) for i in range(classes)], name=name)


def two_inputs() -> Task:
    """An image and three numbers that come with it."""

    def draw(rng: Any, n: int) -> Any:
        return {"image": rng.normal(size=(n, 3, 32, 32)).astype(np.float32), "numbers": rng.normal(size=(n, 3)).astype(np.float32)}

    return _made(draw, 5, "images with numbers")


def sequences() -> Task:
    """Thirty steps of sixteen features."""
    return _made(lambda rng, n: {"sequence": rng.normal(size=(n, 30, 16)).astype(np.float32)}, 6, "sequences")


def tokens() -> Task:
    """Twenty token ids of a vocabulary of 500, one in six of them padding (0)."""
    return _made(lambda rng, n: {"tokens": np.maximum(rng.integers(-100, 500, (n, 20)), 0)}, 4, "token ids")


def table() -> Task:
    """Rows of thirteen numbers."""
    return _made(lambda rng, n: {"row": rng.normal(size=(n, 13)).astype(np.float32)}, 3, "rows of a table")
