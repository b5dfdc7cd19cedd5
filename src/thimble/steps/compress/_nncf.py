"""What the steps that call NNCF share: its samples one by one, and its silence."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from thimble.core.model import Model, batch_of
from thimble.core.step import Context


def single_samples(model: Model, context: Context, count: int, seen: list[int]) -> Iterator[dict[str, Any]]:
    """Calibration samples one by one, ``count`` at most: NNCF takes the range of each. ``seen`` gets the batch size of each."""
    from thimble.steps.compress._calibration import calibration_batches

    fixed = batch_of(model.inputs) or 1
    whole = {spec.name for spec in model.inputs if spec.value is not None or not spec.shape}
    for batch in calibration_batches(model, context, "data", count):
        for start in range(0, max(len(array) for name, array in batch.items() if name not in whole), fixed):
            if len(seen) < count:
                seen.append(fixed)
                yield {name: array if name in whole else array[start : start + fixed] for name, array in batch.items()}


@contextlib.contextmanager
def unreported() -> Iterator[None]:
    """NNCF reports its use to its makers unless this variable is there when it is first imported."""
    before = os.environ.get("NNCF_CI")
    os.environ["NNCF_CI"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["NNCF_CI"]
