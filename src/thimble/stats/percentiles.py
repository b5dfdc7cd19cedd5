"""Percentiles, only where the samples allow them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from thimble.core.errors import BadInput

CONFIDENCE = 0.99
"""How sure one has to be that the true percentile is not above the reported sample."""


@lru_cache
def samples_needed(p: float) -> int:
    """The smallest number of independent samples from which percentile ``p`` (in percent, 0 < p < 100) may be reported.

    The rule of MLPerf LoadGen's early stopping, at 99 % confidence, with one sample discarded: the second
    largest of ``n`` samples is to be an upper bound of the true percentile. That fails when at most one of
    ``n`` samples lies above the percentile; each does with probability ``1 - p``, so the chance is
    ``p^n + n (1 - p) p^(n - 1)``, and the answer is the first ``n`` where it is at most 1 %.

    >>> [samples_needed(p) for p in (50, 90, 95, 99)]
    [11, 64, 130, 662]
    """
    if not 0 < p < 100:
        raise BadInput(f"percentile {p} must lie between 0 and 100")
    below = p / 100
    n = 2
    while below**n + n * (1 - below) * below ** (n - 1) > 1 - CONFIDENCE:
        n += 1
    return n


def percentile(samples: Sequence[float], p: float) -> float | None:
    """The ``p``-th percentile (``p`` in percent), or ``None`` where there are fewer than `samples_needed` samples.

    Linear between the two samples next to it, so that ``p=50`` is the median.
    """
    if len(samples) < samples_needed(p):
        return None
    return float(np.percentile(np.asarray(samples, dtype=np.float64), p))
