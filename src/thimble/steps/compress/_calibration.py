"""Calibration data for quantizers: real samples, or the random noise that naive scripts use."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import Model, batch_of, fed, steps_in, taken
from thimble.core.step import Context
from thimble.core.task import Arrays

BATCH = 16
"""Samples that are run at once, where the model leaves that open."""


def batch_count(model: Model, context: Context, batch: int = BATCH) -> int:
    """How many batches `calibration_batches` gives: a model of a fixed batch size drops what fills none."""
    samples = len(context.task.split("calibration")) if context.task else 0
    fixed = batch_of(model.inputs)
    if context.task and any(spec.state for spec in model.inputs):
        return samples * steps_in(next(iter(context.task.split("calibration").batches(1))).inputs, model.inputs)
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
        if calibration == "data" and any(spec.state for spec in model.inputs):
            yield from carried(model, batch.inputs, context.threads)
        else:
            inputs = fed(batch.inputs, model.inputs)
            yield inputs if calibration == "data" else {name: _noise(array, rng) for name, array in inputs.items()}
        seen += len(batch)


def carried(model: Model, inputs: Arrays, threads: int) -> Iterator[Arrays]:
    """The inputs of each step of a sequence, with the states that the float file gives on its way through them.

    Sequences are run in ONNX Runtime; other formats, and single steps, give the first step with the states' first values.
    """
    count = steps_in(inputs, model.inputs)
    first = fed(inputs, model.inputs)
    if count == 1 or model.format != "onnx":
        yield first
        return
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, threads
    session = onnxruntime.InferenceSession(str(model.folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    own = {spec.state: spec.name for spec in model.inputs if spec.state}
    given = dict(zip([spec.name for spec in model.inputs if spec.value is None or spec.name in inputs], inputs.values(), strict=False))
    given = dict(inputs) if set(inputs) <= {spec.name for spec in model.inputs} else given
    feed = first
    for step in range(count):
        feed = {
            **feed,
            **{
                spec.name: taken(given[spec.name], spec, model.inputs, step).astype(spec.dtype)
                for spec in model.inputs
                if spec.name in given
            },
        }
        yield feed
        answers = dict(zip(own, session.run(list(own), feed), strict=True))
        feed = {**feed, **{own[name]: array for name, array in answers.items()}}


def _noise(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Standard normal noise in the array's shape; integers are drawn from the array's own range."""
    if np.issubdtype(array.dtype, np.floating):
        return rng.standard_normal(array.shape).astype(array.dtype)
    return rng.integers(array.min(), array.max() + 1, array.shape).astype(array.dtype)
