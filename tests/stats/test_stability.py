from __future__ import annotations

import numpy as np
import pytest

from thimble.stats import diagnose, steady


def codes(rounds, **settings) -> list[str]:
    return [advice.code for advice in diagnose(rounds, **settings)]


def calm(rounds: int = 30, scatter: float = 0.01, seed: int = 0) -> np.ndarray:
    return 10 * np.exp(np.random.default_rng(seed).normal(0, scatter, (rounds, 5)))


def test_warm_up_is_not_over_while_it_gets_faster() -> None:
    falling = [10 + 40 * 0.8**i for i in range(40)]
    ends = [n for n in range(1, 41) if steady(falling[:n])]
    assert ends
    assert falling[ends[0] - 1] < 11
    assert not steady(falling[:10])


def test_a_few_samples_are_never_steady() -> None:
    assert not steady([])
    assert not steady([5.0] * 5)
    assert steady([5.0] * 6)


def test_noise_alone_is_steady() -> None:
    said = [steady(list(calm(8, 0.05, seed).ravel())) for seed in range(100)]
    assert np.mean(said) > 0.7


def test_a_calm_series_gives_no_advice() -> None:
    assert sum(bool(diagnose(calm(seed=seed))) for seed in range(50)) <= 1


def test_a_drift_is_named_with_its_size() -> None:
    rounds = calm() * np.linspace(1, 1.3, 30)[:, None]
    (advice,) = [a for a in diagnose(rounds, "onnx") if a.code == "trend"]
    assert advice.member == "onnx"
    assert "+19 %" in advice.text
    assert "cool down" in advice.text


def test_two_states_are_two_modes() -> None:
    states = np.random.default_rng(1).permutation(np.repeat([1.0, 1.25], [20, 10]))
    rounds = calm() * states[:, None]
    (advice,) = [a for a in diagnose(rounds) if a.code == "two-modes"]
    assert "67 % near 10" in advice.text


@pytest.mark.parametrize(
    "draw", [lambda g: g.normal(0, 0.05, (30, 5)), lambda g: g.exponential(0.1, (30, 5)), lambda g: g.uniform(0, 0.3, (30, 5))]
)
def test_one_heap_of_any_shape_is_not_two(draw) -> None:
    said = [codes(10 * np.exp(draw(np.random.default_rng(seed)))) for seed in range(50)]
    assert sum("two-modes" in one for one in said) <= 1


def test_a_slow_first_round_is_told() -> None:
    rounds = calm()
    rounds[0] *= 1.5
    assert codes(rounds) == ["first-round"]


def test_a_wide_interval_says_how_much_longer_to_measure() -> None:
    rounds = calm(scatter=0.2) * np.exp(np.random.default_rng(2).normal(0, 0.1, (30, 1)))
    (advice,) = [a for a in diagnose(rounds, precision=0.04) if a.code == "wide-interval"]
    assert "wider than 4 %" in advice.text
    assert "times as long" in advice.text
    assert "wide-interval" not in codes(calm(), precision=0.02)


def test_nothing_measured_is_no_error() -> None:
    assert diagnose([]) == []
    assert codes([[1.0, 1.1]]) in ([], ["wide-interval"])


def test_of_a_member_beside_its_reference_the_speedup_has_to_be_narrow() -> None:
    """Both times swing by a third, together: the latency's interval is wide, the speedup's is not."""
    swing = 1 + np.tile([0.0, 0.3, 0.1, 0.2], 6)
    wiggle = 1 + 0.004 * np.random.default_rng(0).standard_normal(24)
    reference, member = [[10 * s] for s in swing], [[5 * s * w] for s, w in zip(swing, wiggle, strict=True)]
    assert "the interval of the latency" in next(a.text for a in diagnose(member) if a.code == "wide-interval")
    assert not [a for a in diagnose(member, reference=reference) if a.code == "wide-interval"]
    (told,) = [a for a in diagnose(member, precision=0.0005, reference=reference) if a.code == "wide-interval"]
    assert "the interval of the speedup" in told.text
    assert "wider than 0.05 %" in told.text
