"""Quantize an ONNX file, and where the result doesn't open leave out the operators that are the reason."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import onnx

from thimble.core.errors import StepFailed, ThimbleError
from thimble.core.model import Model, noise_inputs
from thimble.core.step import Context
from thimble.core.task import Arrays
from thimble.core.values import first_line
from thimble.steps.compress._bisection import troublemakers
from thimble.steps.compress._onnx_files import put_in_order

Attempt = Callable[[Collection[str], bool], None]
"""Quantize without these operators; in a hurry where the second argument is true: only whether it works counts."""


def tolerantly(source: Path, target: Path, model: Model, context: Context, attempt: Attempt) -> dict[str, Any]:
    """Write ``target`` by ``attempt``, with as few operators left in float as it takes for it to open and run.

    Gives the notes: ``left_in_float`` names those operators, ``left_reason`` says why. Raises `StepFailed` where it
    works without none.
    """
    feeds = one_feed(model, context)
    reason = _trouble(lambda: attempt((), False), target, feeds, context.threads)
    if reason is None:
        return {}
    kinds = {node.name: node.op_type for node in onnx.load(str(source), load_external_data=False).graph.node if node.name}
    context.progress(0.5, "finding the operators that can't be quantized")
    try:
        left = troublemakers(kinds, lambda out: _trouble(lambda: attempt(out, True), target, feeds, context.threads) is None)
    except StepFailed as error:
        raise StepFailed(f"{reason}; {error}") from error
    again = _trouble(lambda: attempt(left, False), target, feeds, context.threads)
    if again is not None:
        raise StepFailed(again)
    return {"left_in_float": [f"{name} ({kinds[name]})" for name in left], "left_reason": reason}


def one_feed(model: Model, context: Context) -> Arrays:
    """One batch of real samples as the file takes them; noise without data."""
    from thimble.steps.compress._calibration import calibration_batches

    if context.task is not None:
        for batch in calibration_batches(model, context, "data", 1, batch_size=1):
            return batch
    return noise_inputs(model.inputs, 1)


def _trouble(quantize: Callable[[], None], target: Path, feeds: Arrays, threads: int) -> str | None:
    """Why quantizing, or opening and running its result, fails; ``None`` where both work."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, threads
    try:
        quantize()
        put_in_order(target)
    except ThimbleError:
        raise
    except Exception as error:  # the quantizers raise all kinds
        return f"the quantizer fails: {type(error).__name__}: {first_line(error)}"
    try:
        session = onnxruntime.InferenceSession(str(target), options, providers=["CPUExecutionProvider"])
        session.run(None, feeds)
    except Exception as error:  # ONNX Runtime's errors have no common base
        return f"ONNX Runtime can't open the quantized file: {first_line(error)}"
    return None
