from __future__ import annotations

import numpy as np
import pytest

from thimble.core.errors import BadInput
from thimble.core.summary import Interval
from thimble.measure.latency import REOPEN_ROUNDS
from thimble.stats import latency_interval, ratio_interval, rounds_wanted, speedup_interval, verdict
from thimble.stats.rounds import PROCESS_SPREAD

GENERATOR_SEED = 20


def pair(noise, seed: int, rounds: int = 25, slower: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    times = noise.rounds(np.random.default_rng([GENERATOR_SEED, seed]), 2, rounds)
    return 10.0 * times[0], 10.0 * slower * times[1]


def test_a_ratio_is_paired_by_round() -> None:
    drift = np.linspace(1, 3, 20)
    found = ratio_interval([[8 * d] for d in drift], [[4 * d] for d in drift])
    assert found == Interval(pytest.approx(2), pytest.approx(2), pytest.approx(2))
    alone = latency_interval([[8 * d] for d in drift])
    assert alone.high / alone.low > 1.2


def test_the_inverse_ratio_has_the_inverse_interval(scenarios) -> None:
    one, other = pair(scenarios["shared"], 0, slower=1.5)
    forth, back = ratio_interval(one, other), ratio_interval(other, one)
    assert (1 / back.value, 1 / back.high, 1 / back.low) == pytest.approx((forth.value, forth.low, forth.high), rel=0.005)


def test_units_do_not_matter(scenarios) -> None:
    one, other = pair(scenarios["shared"], 1)
    in_ms, in_us = ratio_interval(one, other), ratio_interval(1000 * one, 1000 * other)
    assert (in_us.low, in_us.high) == pytest.approx((in_ms.low, in_ms.high))


def test_one_interrupted_inference_in_a_round_moves_nothing() -> None:
    calm = [[5.0, 5.1, 4.9, 5.0, 5.0]] * 12
    hit = [[5.0, 5.1, 4.9, 5.0, 500.0]] * 12
    assert latency_interval(hit).value == latency_interval(calm).value


def test_the_same_seed_gives_the_same_interval(scenarios) -> None:
    one, other = pair(scenarios["crowded"], 2)
    assert ratio_interval(one, other, seed=5) == ratio_interval(one, other, seed=5)


def test_one_round_proves_nothing() -> None:
    found = ratio_interval([[2.0, 2.1]], [[1.0, 1.1]])
    assert found.low == 0
    assert found.high == float("inf")
    assert verdict(found) == "no proven difference"


@pytest.mark.parametrize("rounds", [2, 3, 5])
def test_few_rounds_give_wide_intervals(scenarios, rounds: int) -> None:
    one, other = pair(scenarios["shared"], 3, rounds=60)
    few, many = ratio_interval(one[:rounds], other[:rounds]), ratio_interval(one, other)
    assert few.high - few.low > many.high - many.low


@pytest.mark.parametrize(("low", "high", "said"), [(1.01, 1.2, "faster"), (0.8, 0.99, "slower"), (0.9, 1.1, "no proven difference")])
def test_verdict_needs_an_interval_without_one(low: float, high: float, said: str) -> None:
    assert verdict(Interval((low + high) / 2, low, high)) == said


@pytest.mark.parametrize(
    ("reference", "other", "reason"),
    [
        ([[1.0], [1.0]], [[1.0]], "2 rounds can't be paired with 1"),
        ([], [], "at least one round"),
        ([[1.0], []], [[1.0], [1.0]], "a sample in every round"),
        ([[1.0], [0.0]], [[1.0], [1.0]], "positive and finite"),
        ([[1.0], [1.0, float("nan"), 2.0]], [[1.0], [1.0]], "positive and finite"),
    ],
)
def test_bad_rounds_are_refused(reference: list[list[float]], other: list[list[float]], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        ratio_interval(reference, other)


@pytest.mark.parametrize("name", ["independent", "quiet", "shared", "sticky"])
def test_intervals_hold_the_truth_as_often_as_promised(scenarios, name: str) -> None:
    found = [ratio_interval(*pair(scenarios[name], i)) for i in range(300)]
    covered = np.mean([i.low <= 1 <= i.high for i in found])
    assert 0.90 <= covered <= 0.99  # 300 runs of a method of 93 to 97 %: three standard deviations
    assert np.mean([verdict(i) != "no proven difference" for i in found]) == pytest.approx(1 - covered)


@pytest.mark.parametrize("precision", [0.02, 0.03])
def test_intervals_hold_the_truth_where_precision_stopped_the_run(scenarios, precision: float) -> None:
    covered, counts = [], []
    for i in range(120):
        one, other = pair(scenarios["shared"], i, rounds=200)
        n = min(200, rounds_wanted(one, other, precision))
        found = ratio_interval(one[:n], other[:n])
        covered.append(found.low <= 1 <= found.high)
        counts.append(n)
    assert 0.88 <= np.mean(covered) <= 0.99  # 120 runs of a method that is right: three standard deviations
    assert len(set(counts)) > 2


def test_a_tenth_slower_is_found(scenarios) -> None:
    """The bar is 95 of 100."""
    said = [verdict(ratio_interval(*pair(scenarios["shared"], i, slower=1.1))) for i in range(100)]
    assert said.count("slower") >= 95
    assert said.count("faster") == 0


def test_precision_is_kept_when_the_rule_stops(scenarios) -> None:
    for i in range(20):
        one, other = pair(scenarios["quiet"], i, rounds=400)
        n = rounds_wanted(one, other, 0.01)
        assert 32 <= n < 400
        found = ratio_interval(one[:n], other[:n])
        assert (found.high - found.low) / 2 / found.value <= 0.01 * 1.001


def test_the_rule_sees_only_what_was_measured(scenarios) -> None:
    one, other = pair(scenarios["shared"], 7, rounds=400)
    stop = rounds_wanted(one, other, 0.02)
    assert rounds_wanted(one[:stop], other[:stop], 0.02) == stop
    for n in (1, 15, 16, 30, stop - 1):
        assert rounds_wanted(one[:n], other[:n], 0.02) > n


def test_opening_processes_anew_narrows_the_interval(scenarios) -> None:
    one, other = pair(scenarios["quiet"], 3, rounds=64)
    widths = []
    for openings in (None, [0] * 64, [i // 16 for i in range(64)], [i // 4 for i in range(64)]):
        found = speedup_interval(one, other, 0, openings)
        widths.append(np.log(found.high / found.low) / 2)
        assert found.value == ratio_interval(one, other).value
    rounds = np.log(ratio_interval(one, other).high / ratio_interval(one, other).low) / 2
    assert widths[0] == widths[1] > 1.96 * PROCESS_SPREAD
    for k, width in ((1, widths[1]), (4, widths[2]), (16, widths[3])):
        assert width**2 == pytest.approx(rounds**2 + (1.96 * PROCESS_SPREAD) ** 2 / k)


@pytest.mark.parametrize("spread", [0.0, 0.025])
def test_precision_holds_the_truth_where_processes_differ_and_are_opened_anew(scenarios, spread: float) -> None:
    openings = [i // REOPEN_ROUNDS for i in range(400)]
    covered, counts = [], []
    for i in range(60):
        one, other = pair(scenarios["quiet"], i, rounds=400)
        settled = np.exp(spread * np.random.default_rng([8, i]).standard_normal(50))
        other = other * settled[openings][:, None]
        n = rounds_wanted(one, other, 0.02, 0, openings)
        found = speedup_interval(one[:n], other[:n], 0, openings[:n])
        assert (found.high - found.low) / 2 / found.value <= 0.02 * 1.001
        covered.append(found.low <= 1 <= found.high)
        counts.append(n)
    assert np.mean(covered) >= 0.87
    assert min(counts) >= 3 * REOPEN_ROUNDS  # two openings alone leave more than 2 %


def test_a_single_member_is_measured_to_a_precision_of_its_own_latency(scenarios) -> None:
    times = scenarios["independent"].rounds(np.random.default_rng(0), 1, 300)[0]
    n = rounds_wanted(times, None, 0.01)
    found = latency_interval(times[:n])
    assert (found.high - found.low) / 2 / found.value <= 0.01 * 1.001


def test_a_precision_of_zero_is_refused() -> None:
    with pytest.raises(BadInput, match="above 0"):
        rounds_wanted([[1.0]], [[1.0]], 0)
