"""Proportions with intervals that stay honest at 0 and 1, and for pairs that never differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

from thimble.core.errors import BadInput
from thimble.core.summary import Interval

Z95 = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""


def quantile(confidence: float) -> float:
    """The normal quantile of a two-sided interval with this confidence, between 0 and 1."""
    return float(NormalDist().inv_cdf(0.5 + confidence / 2))


def wilson(successes: int, n: int) -> Interval:
    """A proportion with Wilson's 95 % score interval (Wilson 1927), as fractions in [0, 1].

    Unlike ``p +- 1.96 s`` it neither collapses at 0 or ``n`` successes nor leaves [0, 1].
    """
    _counts(n, successes=successes)
    z2, p = Z95 * Z95, successes / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Interval(p, 0.0 if successes == 0 else centre - half, 1.0 if successes == n else centre + half)


def tango(wins: int, losses: int, n: int, confidence: float = 0.95) -> Interval:
    """``(wins - losses) / n`` with Tango's score interval, 95 % unless said otherwise, as fractions in [-1, 1].

    For two models on the same ``n`` samples: ``wins`` counts the samples that only the first one gets right,
    ``losses`` those that only the second one does. Where no sample differs the interval is
    +-1.96^2 / (n + 1.96^2), not [0, 0]: with 100 samples and no difference, 3.7 points either way remain possible.
    Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17 (1998).
    """
    _counts(n, wins=wins, losses=losses)
    if wins + losses > n:
        raise BadInput(f"{wins} wins and {losses} losses are more than {n} samples")
    return score_interval(wins, losses, n, confidence)


def score_interval(wins: float, losses: float, n: float, confidence: float = 0.95) -> Interval:
    """`tango` for any counts, whole or not: what the interval would be with more samples of the same kind."""
    point, z = (wins - losses) / n, quantile(confidence)
    high = _crossing(lambda delta: _tango_score(wins, losses, n, delta) + z, point, 1.0)
    low = _crossing(lambda delta: _tango_score(wins, losses, n, delta) - z, point, -1.0)
    return Interval(point, low, high)


def _tango_score(wins: float, losses: float, n: float, delta: float) -> float:
    """Standardised distance of the observed difference from ``delta``, with the other parameter at its
    maximum of the likelihood under ``delta``: the larger root of a quadratic."""
    a = 2 * n
    b = (2 * n - wins + losses) * delta - wins - losses
    c = -losses * delta * (1 - delta)
    rare = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = n * (2 * rare + delta * (1 - delta))
    distance = wins - losses - n * delta
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance) if distance else 0.0


def _crossing(function: Callable[[float], float], inside: float, outside: float) -> float:
    """Where a monotone function changes sign between ``inside`` and ``outside`` (``outside`` where it does not)."""
    sign = function(inside) > 0
    if (function(outside) > 0) == sign:
        return outside
    for _ in range(60):
        middle = (inside + outside) / 2
        if (function(middle) > 0) == sign:
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2


def mcnemar_exact(wins: int, losses: int) -> float:
    """The two-sided p-value of McNemar's exact test: could a fair coin have split the differing samples like this?

    Only samples that exactly one of two models gets right count. 1.0 where none differs.
    """
    _counts(None, wins=wins, losses=losses)
    n, fewer = wins + losses, min(wins, losses)
    if wins == losses:
        return 1.0
    logs = (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(fewer + 1))
    return min(1.0, 2 * math.fsum(map(math.exp, logs)))


def _counts(n: int | None, **counts: int) -> None:
    if n is not None and n < 1:
        raise BadInput(f"a proportion needs at least one sample, not {n}")
    for name, count in counts.items():
        if count < 0 or (n is not None and count > n):
            raise BadInput(f"{name} is {count}; it must lie between 0 and {'any count' if n is None else n}")
