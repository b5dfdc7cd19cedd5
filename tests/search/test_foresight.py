"""What is foreseen of levels and lengths that were not tried."""

from __future__ import annotations

import math

import pytest

from thimble.search.foresight import Law, Time, Trial


def trial(level: float, samples: int, drop: float, cost: float = math.inf) -> Trial:
    return Trial(level, samples, cost, drop, 0.5, False)


def test_costs_lie_on_lines_between_the_whole_network_and_what_was_tried() -> None:
    law = Law((trial(0.3, 1000, 3.0, 7.0), trial(0.6, 1000, 9.0, 5.0)), 10.0, 0.1)
    assert law.cost(0.3) == 7.0
    assert law.cost(0.15) == pytest.approx(8.5)
    assert law.cost(0.45) == pytest.approx(6.0)
    assert law.cost(0.75) == pytest.approx(4.0), "and beyond, on the last line"
    assert Law((trial(0.3, 1000, 3.0),), 10.0, 0.1).cost(0.3) == 10.0, "nothing was measured"


def test_the_drop_grows_with_the_square_and_falls_with_the_root_until_a_curve_is_known() -> None:
    law = Law((trial(0.3, 1000, 3.0),), 10.0, 0.1)
    assert law.drop(0.6, 1000) == pytest.approx(12.0)
    assert law.drop(0.3, 4000) == pytest.approx(1.5)
    known = Law((trial(0.3, 1000, 3.0), trial(0.3, 2000, 3.0 / 2**0.8)), 10.0, 0.1)
    assert known.drop(0.3, 4000) == pytest.approx(3.0 / 4**0.8)
    assert known.drop(0.6, 4000) == pytest.approx(4 * 3.0 / 4**0.8), "the nearest level's curve"
    flat = Law((trial(0.3, 1000, 3.0), trial(0.3, 2000, 3.5)), 10.0, 0.1)
    assert flat.drop(0.3, 4000) == pytest.approx(3.5 / 2**0.2), "noise is no rise"
    assert law.longest(0.3) == 1000
    assert law.longest(0.4) == 0
    assert Law((trial(0.3, 1000, -1.0),), 10.0, 0.1).drop(0.3, 1000) == 0.1, "a gain is noise, too"


def test_time_is_told_in_samples_with_two_digits() -> None:
    time = Time(100.0, 20.0, 123.0, 5000)
    assert time.samples() == 9400  # of 97 s, without 20
    assert time.samples(0.5) == 3500
    assert time.samples(0.1) == 0
    assert time.after(1230).left == pytest.approx(70.0)
    assert Time(None, 20.0, 1.0, 5000).samples(0.5) == 2500
    assert Time(None, 20.0, 1.0, 5000).after(4000).left is None
