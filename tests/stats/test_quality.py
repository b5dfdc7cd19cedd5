from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from thimble.core.errors import BadInput
from thimble.core.study import FIRST_SHARE
from thimble.core.summary import Interval
from thimble.stats import drop_interval, non_inferiority, paired_bootstrap, quality_interval, samples_to_decide, tango, wilson


@dataclass(frozen=True)
class Mean:
    unit: str = "%"
    higher_is_better: bool = True
    binary: bool = True

    def score(self, outputs, targets):
        raise NotImplementedError

    def aggregate(self, scores) -> float:
        return float(scores.mean())


@dataclass(frozen=True)
class Ratio(Mean):
    """Sums of one column over sums of another: no mean of anything per sample."""

    binary: bool = False

    def aggregate(self, scores) -> float:
        return float(scores[:, 0].sum() / scores[:, 1].sum())


LOSS = Mean(unit="", higher_is_better=False, binary=False)


def test_accuracy_has_wilsons_interval_in_percent() -> None:
    known = wilson(3, 4)
    assert quality_interval((1.0, 0.0, 1.0, 1.0), Mean()) == Interval(75, 100 * known.low, 100 * known.high)


def test_a_drop_counts_the_samples_that_differ() -> None:
    baseline, other = [1, 1, 1, 0, 1] * 20, [1, 0, 1, 1, 1] * 20
    known = tango(20, 20, 100)
    found = drop_interval(baseline, other, Mean())
    assert found.value == 0
    assert (found.low, found.high) == (100 * known.low, 100 * known.high)


def test_a_positive_drop_is_worse_whatever_the_direction() -> None:
    generator = np.random.default_rng(0)
    small, large = generator.random(200), generator.random(200) + 0.5
    assert drop_interval(small, large, LOSS).low > 0
    assert drop_interval(large, small, LOSS).high < 0
    assert drop_interval([1.0] * 50, [0.0] * 50, Mean()).low > 0


def test_points_are_percent_only_where_the_unit_is() -> None:
    a, b = np.full(50, 0.5) + np.arange(50) / 100, np.full(50, 0.4) + np.arange(50) / 100
    assert drop_interval(a, b, Mean(binary=False)).value == pytest.approx(10)
    assert drop_interval(b, a, LOSS).value == pytest.approx(0.1)


def test_statistics_are_aggregated_and_not_averaged() -> None:
    generator = np.random.default_rng(1)
    totals = generator.integers(1, 50, 300).astype(float)
    right, fewer = totals * 0.9, totals * 0.85
    found = drop_interval(np.stack([right, totals], 1), np.stack([fewer, totals], 1), Ratio())
    assert (found.value, found.low, found.high) == pytest.approx((5, 5, 5))


def test_pairs_are_tighter_than_two_intervals() -> None:
    generator = np.random.default_rng(2)
    loss = generator.exponential(1, 400)
    found = drop_interval(loss, loss + generator.normal(0.05, 0.1, 400), LOSS)
    apart = quality_interval(loss, LOSS)
    assert found.low > 0
    assert found.high - found.low < (apart.high - apart.low) / 5


def test_a_bootstrap_of_few_differing_samples_is_widened() -> None:
    rows = np.ones((300, 2))
    other = rows.copy()
    same = drop_interval(rows, other, Ratio())
    assert (same.low, same.high) == pytest.approx((-100 * tango(0, 0, 300).high, 100 * tango(0, 0, 300).high))
    other[:3, 0] = 0
    found = drop_interval(rows, other, Ratio())
    assert found.value == pytest.approx(1)
    assert found.high >= 100 * tango(3, 0, 300).high


def test_bootstrap_covers() -> None:
    generator = np.random.default_rng(3)
    hits = []
    for i in range(60):
        error = generator.normal(0, 0.5, 200)
        found = paired_bootstrap(error**2, (error + generator.normal(0, 0.2, 200)) ** 2, lambda rows: float(rows.mean()), seed=i)
        hits.append(found.low <= -0.04 <= found.high)
    assert np.mean(hits) >= 0.86  # 60 runs of a method that is right: three standard deviations


def test_two_that_are_named_before_the_test_pass_wrongly_no_more_often_than_one() -> None:
    chance, n, limit = np.random.default_rng(0), 1000, 0.02

    def passes(confidence: float) -> bool:
        losses, wins = chance.multinomial(n, (0.03, 0.01, 0.96))[:2]  # the drop is the limit: to pass is wrong
        return tango(int(losses), int(wins), n, confidence).high <= limit

    alone = sum(passes(0.95) for _ in range(2000)) / 2000
    first, second = (1 - 0.05 * share for share in (FIRST_SHARE, 1 - FIRST_SHARE))
    either = sum(passes(first) or passes(second) for _ in range(2000)) / 2000
    assert 0.01 < alone < 0.04
    assert either < 0.04, "0.025 are allowed"
    assert sum(passes(0.95) or passes(0.95) for _ in range(2000)) / 2000 > 0.04, "without sharing there would be twice as many"


def test_one_sample_proves_nothing() -> None:
    found = drop_interval([0.3], [0.4], LOSS)
    assert found.value == pytest.approx(0.1)
    assert (found.low, found.high) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("low", "high", "said"), [(-1, 0.9, "met"), (-1, 1, "met"), (1.1, 3, "broken"), (1, 3, "not proven"), (0.5, 1.5, "not proven")]
)
def test_a_budget_is_met_broken_or_not_proven(low: float, high: float, said: str) -> None:
    assert non_inferiority(Interval((low + high) / 2, low, high), 1) == said


def points(wins: int, losses: int, n: int) -> Interval:
    found = tango(wins, losses, n)
    return Interval(100 * found.value, 100 * found.low, 100 * found.high)


@pytest.mark.parametrize(("wins", "losses", "n", "budget"), [(0, 0, 300, 1), (5, 1, 600, 1), (9, 2, 300, 1.5), (30, 10, 600, 3)])
def test_the_samples_that_decide_do_decide(wins: int, losses: int, n: int, budget: float) -> None:
    needed = samples_to_decide(points(wins, losses, n), budget, n, (wins, losses))
    assert needed is not None
    assert needed > n
    times = math.ceil(needed / n)
    assert non_inferiority(points(wins * times, losses * times, n * times), budget) != "not proven"
    assert non_inferiority(points(wins, losses, n), budget) == "not proven"


def test_samples_for_other_metrics_grow_with_the_square() -> None:
    assert samples_to_decide(Interval(0.5, -0.5, 1.5), 1.0, 100) == 400
    assert samples_to_decide(Interval(1.5, 0.5, 2.5), 1.0, 100) == 400


def test_no_number_decides_on_the_budget() -> None:
    assert samples_to_decide(Interval(1.0, 0.5, 1.5), 1.0, 100) is None
    assert samples_to_decide(points(6, 0, 600), 1.0, 600, (6, 0)) is None


def test_what_is_decided_needs_no_more() -> None:
    assert samples_to_decide(Interval(0.1, 0.0, 0.2), 1.0, 100) == 100


@pytest.mark.parametrize(
    ("baseline", "other", "reason"),
    [
        ([1, 0], [1, 0, 1], "not of the same samples"),
        ([], [], "at least one sample"),
        ([1.0, math.nan], [1.0, 1.0], "1 scores are not finite"),
    ],
)
def test_scores_that_cannot_be_compared_are_refused(baseline: list[float], other: list[float], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        drop_interval(baseline, other, Mean())
