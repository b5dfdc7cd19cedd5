from __future__ import annotations

import numpy as np
import pytest

from thimble.core.errors import BadInput
from thimble.stats import percentile, samples_needed


@pytest.mark.parametrize(("p", "needed"), [(50, 11), (90, 64), (95, 130), (99, 662)])
def test_samples_needed_are_those_of_early_stopping(p: float, needed: int) -> None:
    assert samples_needed(p) == needed


@pytest.mark.parametrize("p", [50, 90, 95])
def test_percentile_is_absent_below_the_needed_samples(p: float) -> None:
    samples = list(range(1, samples_needed(p)))
    assert percentile(samples, p) is None
    assert percentile([*samples, 1000], p) is not None


def test_percentile_lies_between_neighbours() -> None:
    samples = np.arange(101.0)
    assert percentile(samples, 50) == 50
    assert percentile(samples, 90) == pytest.approx(90)


@pytest.mark.parametrize("p", [0, 100, -3])
def test_a_percentile_outside_its_range_is_refused(p: float) -> None:
    with pytest.raises(BadInput, match="between 0 and 100"):
        samples_needed(p)


def test_the_second_largest_sample_bounds_the_percentile_in_99_of_100_series() -> None:
    generator = np.random.default_rng(1)
    series = np.sort(generator.random((20_000, samples_needed(90))), axis=1)
    missed = float(np.mean(series[:, -2] < 0.9))
    assert 0.007 < missed < 0.0125
