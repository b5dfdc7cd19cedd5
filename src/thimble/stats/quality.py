"""What a model lost against another one on the same samples, and whether that is within a budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, stdtrit

from thimble.core.errors import BadInput
from thimble.core.summary import Interval
from thimble.core.task import Metric
from thimble.core.verdict import Proof
from thimble.stats.proportions import score_interval, tango, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWS = 1000

FEW = 10
"""Differing samples below which a bootstrap of them can't be trusted."""

Aggregate = Callable[["NDArray[Any]"], float]
"""One figure from rows of per-sample scores, as `Metric.aggregate`."""


def quality_interval(scores: Any, metric: Metric, seed: int = 0) -> Interval:
    """A model's figure on some samples with its 95 % interval: Wilson's for right-or-wrong metrics, else a bootstrap.

    ``scores`` has shape ``(n,)`` or ``(n, k)``. In percent where the metric's unit is ``%``.
    """
    values = _rows(scores)
    scale = _points(metric)
    found = (
        wilson(round(float(values.sum())), len(values)) if metric.binary else _bootstrap(values, metric.aggregate, seed, draws_of(metric))
    )
    return Interval(scale * found.value, scale * found.low, scale * found.high)


def drop_interval(baseline_scores: Any, other_scores: Any, metric: Metric, seed: int = 0, confidence: float = 0.95) -> Interval:
    """Return the drop of ``other`` against the baseline on the same samples, with its interval; positive is worse.

    In points (percent points where the metric's unit is ``%``), whichever direction of the metric is better.
    Right-or-wrong metrics: `tango`. All others: `paired_bootstrap` over the samples; where fewer than ten of them
    differ and the metric is a percentage, no narrower than Tango's interval if each of those had flipped.
    """
    baseline, other = _rows(baseline_scores), _rows(other_scores)
    baseline, other = _equally_wide(baseline, other)
    if baseline.shape != other.shape:
        raise BadInput(f"scores of shape {baseline.shape} and {other.shape} are not of the same samples")
    if not metric.higher_is_better:
        baseline, other = other, baseline
    if metric.binary:
        found = tango(*flips(baseline, other), len(baseline), confidence)
    else:
        drawn = paired_bootstrap(baseline, other, metric.aggregate, seed, draws_of(metric), confidence)
        found = _no_narrower(drawn, baseline, other, metric, confidence)
    scale = _points(metric)
    return Interval(scale * found.value, scale * found.low, scale * found.high)


def flips(baseline_scores: Any, other_scores: Any) -> tuple[int, int]:
    """Of two models on the same samples: how many only the baseline gets right, and how many only the other one does."""
    baseline, other = np.asarray(baseline_scores), np.asarray(other_scores)
    return int(np.sum(baseline > other)), int(np.sum(other > baseline))


def _no_narrower(found: Interval, baseline: NDArray[Any], other: NDArray[Any], metric: Metric, confidence: float) -> Interval:
    """A bootstrap of samples among which hardly one differs can't know how many could: widen it to what may be."""
    differs = np.any((baseline != other).reshape(len(baseline), -1), axis=1)
    changed = int(differs.sum())
    if metric.unit != "%" or changed >= FEW or getattr(metric, "continuous", False):
        return found
    up = changed if found.value > 0 else 0
    possible = tango(up, changed - up, len(baseline), confidence)
    return Interval(found.value, min(found.low, possible.low), max(found.high, possible.high))


def draws_of(metric: Metric) -> int:
    """Number of bootstrap draws; fewer for slow metrics."""
    return int(getattr(metric, "draws", DRAWS))


def paired_bootstrap(
    scores_a: Any, scores_b: Any, aggregate: Aggregate, seed: int = 0, draws: int = DRAWS, confidence: float = 0.95
) -> Interval:
    """Return ``aggregate(a) - aggregate(b)`` with its paired bootstrap interval: each draw takes the same samples of both models.

    The percentile interval with its levels widened for the number of samples (Hesterberg, "What teachers should know about
    the bootstrap", The American Statistician 69, 2015). It knows only what the samples show: where hardly one
    differs between the models it is too narrow, and `drop_interval` widens it.
    """
    both = np.stack(_equally_wide(_rows(scores_a), _rows(scores_b)), axis=1)
    return _bootstrap(both, lambda rows: aggregate(rows[:, 0]) - aggregate(rows[:, 1]), seed, draws, confidence)


def non_inferiority(drop: Interval, budget: float) -> Proof:
    """``met`` when the whole interval of the drop is within the budget, ``broken`` when all of it is beyond, else ``not proven``."""
    if drop.high <= budget:
        return Proof.MET
    return Proof.BROKEN if drop.low > budget else Proof.NOT_PROVEN


def samples_to_decide(drop: Interval, budget: float, samples: int, differing: tuple[int, int] | None = None) -> int | None:
    """About how many samples would decide whether the drop keeps the budget, if its point stays where it is.

    ``samples`` is how many the interval came from. ``differing`` are, for a right-or-wrong metric in percent, the
    samples that only the baseline and only the other model gets right: the answer is then Tango's interval's, which
    shrinks faster than with the square root where hardly a sample differs. ``samples`` itself where it is decided
    already, ``None`` where the drop lies on the budget, so that no number decides.
    """
    if non_inferiority(drop, budget) != Proof.NOT_PROVEN:
        return samples
    gap = budget - drop.value
    if gap == 0:
        return None
    if differing is None:
        half = drop.high - drop.value if gap > 0 else drop.value - drop.low
        return math.ceil(samples * (half / gap) ** 2)

    def decided(n: float) -> bool:
        found = score_interval(differing[0] * n / samples, differing[1] * n / samples, n)
        return non_inferiority(Interval(100 * found.value, 100 * found.low, 100 * found.high), budget) != Proof.NOT_PROVEN

    low, high = float(samples), 2.0 * samples
    while not decided(high):
        low, high = high, 2 * high
        if high > 1e12:
            return None
    while high - low > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return math.ceil(high)


def _bootstrap(rows: NDArray[Any], aggregate: Aggregate, seed: int, draws: int = DRAWS, confidence: float = 0.95) -> Interval:
    generator = np.random.default_rng(seed)
    n = len(rows)
    if n == 1:
        return Interval(aggregate(rows), -math.inf, math.inf)
    figures = np.array([aggregate(rows[generator.integers(0, n, n)]) for _ in range(draws)])
    tail = float(ndtr(-stdtrit(n - 1, 0.5 + confidence / 2) * math.sqrt(n / (n - 1))))
    low, high = np.quantile(figures, (tail, 1 - tail))
    return Interval(aggregate(rows), float(low), float(high))


def _equally_wide(ours: NDArray[Any], theirs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows of statistics of equal length, filled up with zeros: there may be a different number of boxes."""
    if ours.ndim != 2 or theirs.ndim != 2:
        return ours, theirs
    width = max(ours.shape[1], theirs.shape[1])
    first, second = (np.pad(one, ((0, 0), (0, width - one.shape[1]))) for one in (ours, theirs))
    return first, second


def _rows(scores: Any) -> NDArray[Any]:
    rows: NDArray[Any] = np.asarray(scores, dtype=np.float64)
    if len(rows) == 0:
        raise BadInput("a quality needs at least one sample")
    if not np.all(np.isfinite(rows)):
        raise BadInput(f"{int(np.sum(~np.isfinite(rows)))} scores are not finite")
    return rows


def _points(metric: Metric) -> float:
    return 100.0 if metric.unit == "%" else 1.0
