"""Calibration data for quantizers: real samples, or the random noise that naive scripts use."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import Model, batch_of, fed
from thimble.core.step import Context
from thimble.core.task import Arrays

BATCH = 16
"""Samples that are run at once, where the model leaves that open."""


def batch_count(model: Model, context: Context, batch: int = BATCH) -> int:
    """How many batches `calibration_batches` gives: a model of a fixed batch size drops what fills none."""
    samples = len(context.task.split("calibration")) if context.task else 0
    fixed = batch_of(model.inputs)
    return samples // fixed if fixed else -(-samples // batch)


def calibration_batches(
    model: Model, context: Context, calibration: str, samples: int | None = None, batch_size: int = BATCH
) -> Iterator[Arrays]:
    """Batches of named inputs: the calibration split's (``data``), or as many samples of normal noise (``noise``).

    A model whose batch size is fixed gets batches of that size. Raises `NotApplicable` without a task, `BadInput`
    for another word.
    """
    if calibration not in ("data", "noise"):
        raise BadInput(f"calibration must be 'data' or 'noise', not {calibration!r}")
    if context.task is None:
        raise NotApplicable("static quantization needs calibration data, and there is no task")
    split = context.task.split("calibration")
    count = min(len(split), samples or len(split))
    size = batch_of(model.inputs) or batch_size
    rng = np.random.default_rng(context.seed)
    seen = 0
    for batch in split.batches(size):
        if seen >= count or (len(batch) < size and batch_of(model.inputs)):
            return
        inputs = fed(batch.inputs, model.inputs)
        yield inputs if calibration == "data" else {name: _noise(array, rng) for name, array in inputs.items()}
        seen += len(batch)


def _noise(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Standard normal noise in the array's shape; integers are drawn from the array's own range."""
    if np.issubdtype(array.dtype, np.floating):
        return rng.standard_normal(array.shape).astype(array.dtype)
    return rng.integers(array.min(), array.max() + 1, array.shape).astype(array.dtype)
