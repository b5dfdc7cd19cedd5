"""Latency from interleaved rounds: medians, paired ratios, and intervals that know that neighbours are correlated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from thimble.base.errors import BadInput
from thimble.base.summary import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rounds = Sequence[Sequence[float]]
"""Milliseconds of each inference of one member, round by round."""

DRAWS = 2000

MIN_ROUNDS = 15
"""No interval is trusted, and no run stopped early, before this many rounds."""


def latency_interval(rounds: Rounds, seed: int = 0) -> Interval:
    """The median latency in ms, with its 95 % interval. The figure is the median of the rounds' medians."""
    return _median_interval(_medians(rounds), seed)


def ratio_interval(reference_rounds: Rounds, other_rounds: Rounds, seed: int = 0) -> Interval:
    """How many times faster ``other`` is than ``reference``: the median over rounds of the ratio of their medians.

    Both were measured in the same rounds, so that what the machine did in a round hits both and cancels.
    The 95 % interval is a bootstrap over blocks of neighbouring rounds.
    """
    if len(reference_rounds) != len(other_rounds):
        raise BadInput(f"{len(reference_rounds)} rounds can't be paired with {len(other_rounds)}; measure both in one run")
    ratios = np.log(_medians(reference_rounds)) - np.log(_medians(other_rounds))
    found = _median_interval(ratios, seed)
    return Interval(*(float(np.exp(value)) for value in (found.value, found.low, found.high)))


def rounds_wanted(reference_rounds: Rounds, other_rounds: Rounds | None, precision: float, seed: int = 0) -> int:
    """How many rounds to measure in all until the interval is within +-``precision`` (relative, 0.02 for +-2 %).

    Ask again after every round: measuring may stop once there are at least as many rounds as wanted. Without
    ``other_rounds`` the interval is that of the reference's own latency.
    """
    n = len(reference_rounds)
    if n < MIN_ROUNDS:
        return MIN_ROUNDS
    found = latency_interval(reference_rounds, seed) if other_rounds is None else ratio_interval(reference_rounds, other_rounds, seed)
    half = (found.high - found.low) / 2 / found.value
    return n if half <= precision else max(n + 1, math.ceil(n * min(2.0, (half / precision) ** 2)))


def verdict(interval: Interval) -> str:
    """``faster``, ``slower`` or ``no proven difference``, for the interval of a speedup."""
    if interval.low > 1:
        return "faster"
    return "slower" if interval.high < 1 else "no proven difference"


def _medians(rounds: Rounds) -> NDArray[np.float64]:
    if not rounds or any(len(times) == 0 for times in rounds):
        raise BadInput("a latency needs at least one round, and a sample in every round")
    medians = np.array([np.median(times) for times in rounds])
    if not np.all(np.isfinite(medians) & (medians > 0)):
        raise BadInput("times must be positive and finite")
    return medians


def _median_interval(values: NDArray[np.float64], seed: int) -> Interval:
    n = len(values)
    length = max(1, round(n ** (1 / 3)))
    drawn = values[_block_indices(n, length, DRAWS, seed)]
    low, high = np.percentile(np.median(drawn, axis=1), (2.5, 97.5))
    return Interval(float(np.median(values)), float(low), float(high))


def _block_indices(n: int, length: int, draws: int, seed: int) -> NDArray[Any]:
    """Indices of shape (draws, n): blocks of neighbours, the last one followed by the first one."""
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, n, size=(draws, -(-n // length), 1))
    return ((starts + np.arange(length)) % n).reshape(draws, -1)[:, :n]
