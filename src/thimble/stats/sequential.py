"""A drop's interval while samples still come in: valid however often one looks, so that a candidate may be given up early.

An ordinary 95 % interval holds at one look. Looking after every batch and acting on the first interval that says
"beyond the budget" gives many chances for one unlucky stretch. A *confidence sequence* holds at all looks together:
with 95 % probability it covers the true drop after 50 samples, and after 51, and after all of them. It is wider
than the ordinary interval; that is the price of looking.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from thimble.core.errors import BadInput
from thimble.core.summary import Interval
from thimble.core.task import Metric
from thimble.stats.quality import _equally_wide

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALPHA = 0.05
GRID = 1001
TUNED_FOR = 300
"""The bets are sized for a decision after about this many samples."""


def sequential_drop(baseline_scores: Any, other_scores: Any, metric: Metric) -> Interval:
    """What ``other`` lost against the baseline on the samples so far, in points, valid at all looks together.

    The samples must come in random order (a split sorted by class does not). Right-or-wrong metrics: a betting
    confidence sequence, valid for any number of samples. All others: an asymptotic one over the samples, or,
    for metrics that are no mean, over the jackknife's pseudo-values of groups of samples.
    """
    baseline, other = np.asarray(baseline_scores, dtype=np.float64), np.asarray(other_scores, dtype=np.float64)
    baseline, other = _equally_wide(baseline, other)
    if baseline.shape != other.shape or len(baseline) == 0:
        raise BadInput(f"scores of shape {baseline.shape} and {other.shape} are not of the same samples, at least one")
    if not metric.higher_is_better:
        baseline, other = other, baseline
    scale = 100.0 if metric.unit == "%" else 1.0
    if metric.binary:
        found = betting_sequence((baseline - other + 1) / 2)
        found = Interval(float(np.mean(baseline - other)), 2 * found.low - 1, 2 * found.high - 1)
    else:
        point = metric.aggregate(baseline) - metric.aggregate(other)
        pseudo = baseline - other if baseline.ndim == 1 else _pseudo_values(baseline, other, metric, point)
        found = asymptotic_sequence(pseudo)
        found = Interval(point, found.low + point - found.value, found.high + point - found.value)
    return Interval(scale * found.value, scale * found.low, scale * found.high)


def betting_sequence(values: NDArray[np.float64]) -> Interval:
    """The mean of values in [0, 1] with a 95 % confidence sequence.

    For every possible mean ``m`` a gambler bets that the next value is above it, another one that it is below;
    the bets are sized from the values seen before. If ``m`` is the truth neither can expect to win, and the
    chance that either ever holds 20 times its stake is at most 5 % (Ville). What remains are the means against which
    no gambler got that rich. Hedged capital process, Waudby-Smith and Ramdas, "Estimating means of bounded
    random variables by betting", JRSS B 86 (2024).
    """
    x = np.asarray(values, dtype=np.float64)
    n = len(x)
    seen = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(x)) / (seen + 1)
    variances = (0.25 / 4 + np.cumsum((x - means) ** 2)) / (seen + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    horizon = np.maximum(TUNED_FOR, seen * np.log(seen + 1.0) / math.log(TUNED_FOR + 1.0))
    bets = np.sqrt(2 * math.log(2 / ALPHA) / (before * horizon))[:, None]
    grid = np.linspace(0, 1, GRID)[None, :]
    with np.errstate(divide="ignore"):
        up = np.minimum(bets, 0.75 / grid)
        down = np.minimum(bets, 0.75 / (1 - grid))
    gain_up = np.cumsum(np.log1p(up * (x[:, None] - grid)), axis=0).max(axis=0)
    gain_down = np.cumsum(np.log1p(-down * (x[:, None] - grid)), axis=0).max(axis=0)
    alive = np.flatnonzero(np.maximum(gain_up, gain_down) < math.log(2 / ALPHA))
    point = float(x.mean())
    if not len(alive):
        return Interval(point, point, point)
    step = 1 / (GRID - 1)
    low, high = float(grid[0, alive[0]]), float(grid[0, alive[-1]])
    return Interval(point, max(0.0, low - step), min(1.0, high + step))


def asymptotic_sequence(values: NDArray[np.float64]) -> Interval:
    """The mean of independent values with an asymptotic 95 % confidence sequence; unbounded before 20 values.

    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
    sequences", Annals of Statistics 52 (2024), equation for a normal mixture tuned for `TUNED_FOR` samples.
    """
    n, point = len(values), float(np.mean(values))
    if n < 20:
        return Interval(point, -math.inf, math.inf)
    rho2 = (-2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA) + 1)) / TUNED_FOR
    variance = float(np.var(values, ddof=1))
    half = math.sqrt(variance * 2 * (n * rho2 + 1) / (n * n * rho2) * math.log(math.sqrt(n * rho2 + 1) / ALPHA))
    return Interval(point, point - half, point + half)


def _pseudo_values(baseline: NDArray[Any], other: NDArray[Any], metric: Metric, point: float) -> NDArray[np.float64]:
    """One value per group of samples whose mean is about the drop: what leaving that group out changes."""
    n = len(baseline)
    groups = np.array_split(np.arange(n), min(n, 100))
    left = []
    for group in groups:
        keep = np.ones(n, dtype=bool)
        keep[group] = False
        left.append(metric.aggregate(baseline[keep]) - metric.aggregate(other[keep]) if keep.any() else point)
    return len(groups) * point - (len(groups) - 1) * np.array(left)
