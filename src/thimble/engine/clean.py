"""What a step gets of a stored ONNX model: its clean network, made once and kept beside it."""

from __future__ import annotations

from thimble.core.errors import BadInput
from thimble.core.model import Model, batch_of, fed
from thimble.core.task import Arrays, Task
from thimble.engine.store import Store

SAMPLES = 2
"""Calibration samples on which the clean network is compared with the original."""


def clean_key(model: Model, key: str) -> str | None:
    """The address of the clean network; ``None`` for other formats and for a model that went through intake."""
    return None if model.format != "onnx" or "normalised" in model.notes else f"{key}-clean"


def make_clean(model: Model, key: str, store: Store, task: Task | None, threads: int) -> None:
    """Normalise the model and keep the result under ``key``."""
    from thimble.models import clean_onnx

    store.make(key, lambda output, scratch: clean_onnx(model, output, real_samples(model, task, SAMPLES), threads))


def real_samples(model: Model, task: Task | None, count: int) -> Arrays | None:
    """The inputs of the first calibration samples; ``None`` without data that fit the model."""
    if task is None or not model.inputs:
        return None
    size = batch_of(model.inputs) or count
    try:
        batch = next(iter(task.split("calibration").batches(size)))
        return fed(batch.inputs, model.inputs) if len(batch) == size else None
    except (BadInput, StopIteration):
        return None
