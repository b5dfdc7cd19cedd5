"""Changes to a quantized file that may make it truer, each kept only where it does on samples that it has not seen.

Only heavy work imports this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.task import Arrays
from thimble.steps.compress._bias_correction import correct_biases, told
from thimble.steps.compress._calibration import BATCH, calibration_batches
from thimble.steps.compress._ranges import narrow_ranges

LOOKED_AT = 4
"""Of this many batches, one is looked at, and the others are learned from."""
SMALL = 4
"""Samples in a batch where there are few."""
HIGHEST_DB = 200.0


def refine(names: Sequence[str], source: Path, target: Path, model: Model, context: Context, samples: int) -> dict[str, list[float]]:
    """Refine the quantized file ``target`` of the float file ``source`` in place, by the methods of these names in this order.

    Gives for each the signal-to-quantization-noise ratio of the outputs in dB before and after it, on a quarter of the calibration
    samples from which it learns nothing. Where the ratio does not rise the file stays as it was.
    """
    few = context.task is not None and min(samples, len(context.task.split("calibration"))) < BATCH * LOOKED_AT
    batches = list(calibration_batches(model, context, "data", samples, SMALL if few else BATCH))
    looked = batches[LOOKED_AT - 1 :: LOOKED_AT] or batches
    learned = [batch for i, batch in enumerate(batches) if i % LOOKED_AT != LOOKED_AT - 1]
    wanted, notes = _outputs(source, looked, context.threads), {}
    before = _sqnr_db(wanted, _outputs(target, looked, context.threads))
    for i, name in enumerate(names):
        kept, part = target.read_bytes(), i / len(names)

        def tell(done: float, words: str, part: float = part) -> None:
            context.progress(part + done / len(names), words)

        tell(0.0, f"refining {name}")
        CHANGES[name](source, target, learned, context.threads, tell)
        after = _sqnr_db(wanted, _outputs(target, looked, context.threads))
        notes[name] = [before, after]
        if after > before:
            before = after
        else:
            target.write_bytes(kept)
    return notes


Change = Callable[[Path, Path, Sequence[Arrays], int, Callable[[float, str], None]], None]
"""Changes a quantized file in place by its float form and batches of inputs, with so many threads, and tells how far it is."""

CHANGES: dict[str, Change] = {"ranges": narrow_ranges, "biases": correct_biases}


def _outputs(path: Path, batches: Sequence[Arrays], threads: int) -> list[Any]:
    """The outputs that are real numbers, for each batch."""
    model = onnx.load(str(path))
    arrays = told(model, [value.name for value in model.graph.output], batches, threads)
    return [array.astype(np.float64) for batch in arrays for array in batch if array.dtype.kind == "f"]


def _sqnr_db(wanted: Sequence[Any], given: Sequence[Any]) -> float:
    signal = sum(float(np.square(one).sum()) for one in wanted)
    noise = sum(float(np.square(one - other).sum()) for one, other in zip(wanted, given, strict=True))
    if not noise > 0 or not signal > 0:
        return HIGHEST_DB if noise == 0 else -HIGHEST_DB
    return round(min(HIGHEST_DB, 10 * float(np.log10(signal / noise))), 2)
