from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from thimble.core.errors import BadInput
from thimble.stats import sequential_drop, tango
from thimble.stats.sequential import asymptotic_sequence, betting_sequence


@dataclass(frozen=True)
class Mean:
    unit: str = "%"
    higher_is_better: bool = True
    binary: bool = True

    def score(self, outputs, targets):
        raise NotImplementedError

    def aggregate(self, scores) -> float:
        return float(scores.mean() if scores.ndim == 1 else scores[:, 0].sum() / scores[:, 1].sum())


def signs(seed: int, n: int, lost: float, won: float) -> np.ndarray:
    return np.random.default_rng(seed).choice([1, -1, 0], size=n, p=[lost, won, 1 - lost - won])


def test_the_truth_is_inside_at_all_looks_together() -> None:
    """The sequence keeps what no earlier look has excluded: its last interval tells whether all of them held."""
    kept, ordinary = [], []
    for seed in range(100):
        drawn = signs(seed, 400, 0.06, 0.04)
        found = betting_sequence((drawn + 1) / 2)
        kept.append(2 * found.low - 1 <= 0.02 <= 2 * found.high - 1)
        looks = [tango(int((drawn[:n] > 0).sum()), int((drawn[:n] < 0).sum()), n) for n in range(20, 401, 20)]
        ordinary.append(all(look.low <= 0.02 <= look.high for look in looks))
    assert np.mean(kept) >= 0.95
    assert np.mean(ordinary) < 0.9


def test_the_asymptotic_sequence_holds_at_all_looks_together() -> None:
    kept = []
    for seed in range(200):
        values = np.random.default_rng(seed).exponential(1.0, 500)
        kept.append(all((f := asymptotic_sequence(values[:n])).low <= 1 <= f.high for n in range(20, 501, 20)))
    assert np.mean(kept) >= 0.93


def test_a_ruined_candidate_is_given_up_after_few_samples() -> None:
    right = np.ones(60)
    wrong = (np.arange(60) % 2).astype(float)
    assert sequential_drop(right, wrong, Mean()).low > 2


def test_a_good_candidate_is_not_given_up() -> None:
    for seed in range(50):
        drawn = signs(seed, 300, 0.01, 0.01)
        assert sequential_drop((drawn >= 0).astype(float), (drawn <= 0).astype(float), Mean()).low <= 2


def test_the_point_is_the_drop_in_points() -> None:
    baseline, other = np.ones(40), np.array([1.0, 0.0, 1.0, 1.0] * 10)
    found = sequential_drop(baseline, other, Mean())
    assert found.value == pytest.approx(25)
    assert found.low < 25 < found.high


def test_looking_costs_width() -> None:
    drawn = signs(3, 1000, 0.04, 0.02)
    once = tango(int((drawn > 0).sum()), int((drawn < 0).sum()), 1000)
    always = betting_sequence((drawn + 1) / 2)
    ratio = 2 * (always.high - always.low) / (once.high - once.low)
    assert 1 < ratio < 2


def test_losses_and_statistics_have_a_sequence_too() -> None:
    generator = np.random.default_rng(5)
    loss = generator.exponential(1, 400)
    worse = sequential_drop(loss, loss + generator.normal(0.5, 0.1, 400), Mean(unit="", higher_is_better=False, binary=False))
    assert worse.low > 0.4
    totals = generator.integers(5, 50, 400).astype(float)
    right, fewer = generator.binomial(totals.astype(int), 0.9), generator.binomial(totals.astype(int), 0.7)
    found = sequential_drop(np.stack([right, totals], 1), np.stack([fewer, totals], 1), Mean(binary=False))
    assert 10 < found.low < 20 < found.high < 30


def test_too_few_samples_say_nothing() -> None:
    found = sequential_drop([0.1] * 5, [0.2] * 5, Mean(unit="", higher_is_better=False, binary=False))
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_scores_of_other_samples_are_refused() -> None:
    with pytest.raises(BadInput, match="not of the same samples"):
        sequential_drop([1.0], [1.0, 0.0], Mean())
