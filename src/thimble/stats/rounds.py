"""Latency from interleaved rounds: medians, paired ratios, and intervals that know that neighbours are correlated.

How the interval is made, and why so (`benchmarks/measuring/coverage.py` has the simulations that decided it):

* A round's figure is the median of its few inferences: one interrupted inference doesn't move it. The result is the
  median over the rounds, of logarithms, so that a ratio and its inverse have the same interval.
* Neighbouring rounds are correlated, since whatever disturbs a machine lasts. So blocks of neighbouring rounds are
  drawn, not single ones (moving-block bootstrap, Künsch 1989), of about ``1.25 sqrt(n)`` rounds, on a circle (Politis
  and Romano 1992).
* The bootstrap of a median jumps between a few values, and its spread is a poor estimate. Drawn values are
  therefore smeared by a normal kernel of Silverman's width (smoothed bootstrap, Silverman and Young 1987). That alone
  makes stopping by precision honest: without it a run stops where its spread happens to look small.
* The interval is point +- t x spread. A circle of ``n/L`` blocks shows ``1 - L/n`` of the variance, which is put back,
  and so few blocks make an uncertain spread, which Student's t with ``3 n/L`` degrees of freedom pays for
  (overlapping blocks count more than separate ones, Meketon and Schmeiser 1984; never more than ``n - 1``).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from thimble.core.errors import BadInput
from thimble.core.summary import Interval
from thimble.core.verdict import Speed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.study import Run

Rounds = Sequence[Sequence[float]]
"""Milliseconds of each inference of one member, round by round."""

Times = tuple[tuple[float, ...], ...]
"""The same, once they are measured."""

DRAWS = 500

WIDEST = 2.0
"""Ratio of an interval's ends above which a time or a speedup counts as not measured."""

PROCESS_SPREAD = 0.015
"""Root mean square of the logarithm of an artifact's ratio to itself, each in a process of its own, on a quiet machine, by
``benchmarks/measuring/aa.py``: 0.006 for ResNet-18 in PyTorch, 0.025 in ONNX Runtime, 0.002 there in INT8."""

FIRST_LOOK = 16
"""Rounds before the interval is looked at for the first time."""

GROWTH = 1.5
"""Each next look is after so many times as many rounds: every look is a chance to stop by luck, so there are few."""


def latency_interval(rounds: Rounds, seed: int = 0) -> Interval:
    """The median latency in ms with its 95 % interval: the median of the rounds' medians.

    It holds for the machine as it was during the run. What changes from day to day, or more slowly than the run
    lasted, no interval from one run can show; ratios are immune to most of that (`ratio_interval`).
    """
    return _exponential(_log_medians(rounds), seed)


def ratio_interval(reference_rounds: Rounds, other_rounds: Rounds, seed: int = 0) -> Interval:
    """Return how many times faster ``other`` is than the reference, with its 95 % interval: the median of the rounds' ratios.

    Both were measured in the same rounds, so that what the machine did in a round hits both and cancels. With one
    round there is no interval: it reaches from 0 to infinity.
    """
    return _exponential(_log_ratios(reference_rounds, other_rounds), seed)


def speedup_interval(reference_rounds: Rounds, other_rounds: Rounds, seed: int = 0, openings: Sequence[int] | None = None) -> Interval:
    """Return the speedup of ``other`` over the reference: `ratio_interval`, widened by the difference between two openings.

    Rounds show what happens while two processes run, and nothing of what was settled when they started: where their
    memory fell, and how it shares caches. So many rounds would prove an artifact different from itself. What that is
    worth is `PROCESS_SPREAD`; it is added in quadrature (an uncertainty of type B, JCGM 100:2008, 4.3), so that no run of
    the same processes, however long and quiet, claims less than ``+-1.96 PROCESS_SPREAD``. ``openings`` says of each round
    which processes it was measured with: with ``k`` of them in turn that part is smaller by ``sqrt(k)``.
    """
    logs = _log_ratios(reference_rounds, other_rounds)
    return _interval(float(np.median(logs)), math.hypot(_half_width(logs, seed), _process_half(openings)))


def speedup_in(run: Run, name: str, reference: str | None = None) -> Interval | None:
    """`speedup_interval` of a member of a run over another one, by default the run's reference; over itself it is 1, and known.

    ``None`` where fewer than two rounds hold both, or too few quiet ones, and where the interval is wider than a factor of 2:
    no sentence can be made of that.
    """
    reference = reference or run.reference
    turns = run.times(name, reference)
    if len(turns) < 2:
        return None
    ours, theirs = (tuple(turn.samples_ms[member] for turn in turns) for member in (name, reference))
    return _speedup(theirs, ours, run.seed, None if name == reference else tuple(turn.opening for turn in turns))


@lru_cache(maxsize=512)
def _speedup(theirs: Times, ours: Times, seed: int, openings: tuple[int, ...] | None) -> Interval | None:
    """The interval, kept by its raw values: a search asks for the same ones after every job. ``openings`` is ``None`` for one member."""
    return ratio_interval(theirs, ours, seed) if openings is None else known(speedup_interval(theirs, ours, seed, openings))


def known(interval: Interval) -> Interval | None:
    """An interval of times or of their ratio, or ``None`` where its ends are more than a factor of 2 apart: it tells nothing."""
    return interval if interval.high <= WIDEST * interval.low else None


def rounds_wanted(
    reference_rounds: Rounds, other_rounds: Rounds | None, precision: float, seed: int = 0, openings: Sequence[int] | None = None
) -> int:
    """Return how many rounds to measure in all until the interval is within +-``precision`` (relative, 0.02 for +-2 %).

    Ask again as rounds come in; measuring may stop once there are as many as wanted. Without ``other_rounds`` the
    interval is that of the reference's own latency. With ``openings`` it is the interval that `speedup_interval` gives with
    them, else that of `ratio_interval`.

    Stopping as soon as the interval looks narrow would stop where it looks so by luck. Therefore: it is looked at
    after 16, 24, 36, ... rounds; once it is within sqrt(2) times the precision, as many rounds again are measured, which
    makes it narrow enough if it was right; and only the interval of all of them decides.
    """
    if not precision > 0:
        raise BadInput(f"a precision of {precision} can't be reached; give one above 0, such as 0.02")
    values = _log_medians(reference_rounds) if other_rounds is None else _log_ratios(reference_rounds, other_rounds)
    look, confirming = FIRST_LOOK, False
    while look <= len(values):
        process = 0.0 if openings is None else _process_half(openings[:look])
        half = math.sinh(math.hypot(_half_width(values[:look], seed), process))
        if confirming and half <= precision:
            return look
        doubled = not confirming and half <= math.sqrt(2) * precision
        confirming = confirming or doubled
        look = 2 * look if doubled else math.ceil(GROWTH * look)
    return look


def verdict(interval: Interval) -> Speed:
    """``faster``, ``slower`` or ``no proven difference``, for the interval of a speedup."""
    if interval.low > 1:
        return Speed.FASTER
    return Speed.SLOWER if interval.high < 1 else Speed.NO_DIFFERENCE


def _log_medians(rounds: Rounds) -> NDArray[np.float64]:
    if not len(rounds) or any(len(times) == 0 for times in rounds):
        raise BadInput("a latency needs at least one round, and a sample in every round")
    if not all(0 < ms < math.inf for times in rounds for ms in times):
        raise BadInput("times must be positive and finite")
    logs: NDArray[np.float64] = np.log([statistics.median(times) for times in rounds])  # NumPy's takes longer for a few numbers
    return logs


def _log_ratios(reference_rounds: Rounds, other_rounds: Rounds) -> NDArray[np.float64]:
    if len(reference_rounds) != len(other_rounds):
        raise BadInput(f"{len(reference_rounds)} rounds can't be paired with {len(other_rounds)}; measure both in one run")
    return _log_medians(reference_rounds) - _log_medians(other_rounds)


def _exponential(logs: NDArray[np.float64], seed: int) -> Interval:
    return _interval(float(np.median(logs)), _half_width(logs, seed))


def _interval(point: float, half: float) -> Interval:
    if math.isinf(half):
        return Interval(math.exp(point), 0.0, math.inf)
    return Interval(math.exp(point), math.exp(point - half), math.exp(point + half))


def _process_half(openings: Sequence[int] | None) -> float:
    """The part of an interval's half-width that comes from processes, of rounds that so many openings share."""
    return 1.96 * PROCESS_SPREAD / math.sqrt(len(set(openings or (0,))))


def _half_width(values: NDArray[np.float64], seed: int) -> float:
    """Half of the 95 % interval of the median of a correlated series; infinite for a single value."""
    n = len(values)
    if n == 1:
        return math.inf
    length = _block_length(n)
    indices, kernel = _draws(n, length, seed)
    middle = np.median(values)
    width = 0.9 * 1.4826 * np.median(np.abs(values - middle)) * n**-0.2
    spread = np.std(np.median(values[indices] + width * kernel, axis=1))
    freedom = min(3 * n / length, n - 1)
    return float(stdtrit(freedom, 0.975) * math.sqrt(n / (n - length)) * spread)


def _block_length(n: int) -> int:
    """How many neighbouring rounds are drawn together."""
    return max(1, min(int(1.25 * math.sqrt(n)), n // 2))


@lru_cache(maxsize=32)
def _draws(n: int, length: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Indices of shape (draws, n), blocks of neighbours on a circle; and a standard normal number for each."""
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, n, size=(DRAWS, -(-n // length), 1))
    indices = ((starts + np.arange(length)) % n).reshape(DRAWS, -1)[:, :n]
    return indices, generator.standard_normal((DRAWS, n))
