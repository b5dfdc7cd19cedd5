"""Calibration batches in the form that ONNX Runtime's quantizer asks for."""

from __future__ import annotations

from typing import Any

from thimble.core.model import Model
from thimble.core.step import Context
from thimble.steps.compress._calibration import batch_count, calibration_batches


class Reader:
    """The calibration batches in the form that ONNX Runtime asks for: some of them at a time, by `set_range`.

    With a stride of one batch the calibrator sums each batch up before it sees the next. Without a stride it keeps
    every activation of every batch until the end, which for entropy and percentiles takes hundreds of gigabytes on
    ordinary data (onnxruntime #10503).
    """

    def __init__(self, model: Model, context: Context, calibration: str, batch_size: int, samples: int | None = None) -> None:
        self._batches = calibration_batches(model, context, calibration, samples, batch_size)
        self._count = 1 if samples else batch_count(model, context, batch_size)
        self._left, self.samples = self._count, 0

    def __len__(self) -> int:
        return self._count

    def set_range(self, start_index: int, end_index: int) -> None:
        """Give the batches of this range next; ranges come in order."""
        self._left = end_index - start_index

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, or ``None`` at the range's end."""
        if self._left == 0 or (batch := next(self._batches, None)) is None:
            return None
        self._left -= 1
        self.samples += len(next(iter(batch.values())))
        return batch

    def __iter__(self) -> Reader:
        return self

    def __next__(self) -> dict[str, Any]:
        batch = self.get_next()
        if batch is None:
            raise StopIteration
        return batch
