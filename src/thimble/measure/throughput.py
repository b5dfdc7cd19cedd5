"""Throughput over batch sizes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from thimble.core.errors import RuntimeFailed
from thimble.core.subject import Subject
from thimble.devices import reserve, start
from thimble.devices.process import Worker
from thimble.measure.outputs import fixed_batch

if TYPE_CHECKING:
    from thimble.core.task import Arrays

BATCHES = (1, 2, 4, 8, 16, 32)
SECONDS = 0.5
SLOWEST_S = 5.0


def measure_throughput(subject: Subject, inputs: Arrays, batches: Sequence[int] = BATCHES) -> dict[str, float]:
    """Samples per second by batch size (as text, smallest first): the batch over the median latency.

    ``inputs`` hold one sample, which is repeated. An artifact of a fixed batch size has that one only. Sizes end where
    one inference takes over five seconds or fails, as it does when memory is short.
    """
    fixed = fixed_batch(subject.artifact)
    found: dict[str, float] = {}
    with reserve(subject.device), start(subject) as worker:
        for batch in [fixed] if fixed is not None else sorted(batches):
            try:
                latency_ms = _latency_ms(worker, _repeated(inputs, batch))
            except RuntimeFailed:
                if not found:
                    raise
                break
            found[str(batch)] = 1000 * batch / latency_ms
            if latency_ms > 1000 * SLOWEST_S:
                break
    return found


def _latency_ms(worker: Worker, inputs: Arrays) -> float:
    """The median after a warm-up until it is steady."""
    from thimble.stats import steady

    worker.bind(inputs)
    samples = worker.time(2)
    began = time.monotonic()
    while time.monotonic() - began < SECONDS or (not steady(samples) and time.monotonic() - began < 4 * SECONDS):
        samples += worker.time(1 + round(50 / max(samples[-1], 0.1)))
    return statistics.median(samples[len(samples) // 2 :])


def _repeated(inputs: Arrays, batch: int) -> Arrays:
    import numpy as np

    return {name: np.ascontiguousarray(np.repeat(array[:1], batch, axis=0)) for name, array in inputs.items()}
