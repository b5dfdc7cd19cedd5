"""Simulations of quality figures in which the truth is known: proportions, paired drops, bootstraps, repeated looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from thimble.stats import mcnemar_exact, tango, wilson
from thimble.stats.quality import paired_bootstrap
from thimble.stats.sequential import betting_sequence

TELLING = 5
"""Differing samples to be expected, below which a score interval can't help being careful."""

Row = tuple[str, int, float]
"""What was simulated, the number of samples, and the share of intervals that hold the truth."""


def rows(draws: int) -> Iterator[Row]:
    """Every row of the table."""
    for n in (100, 300, 600, 3000):
        yield "a proportion, Wilson", n, proportions(5 * draws, 4, n)
    for n in (100, 300, 600, 3000):
        yield f"a paired drop, Tango, {TELLING} or more samples expected to differ", n, drops(5 * draws, 5, n, TELLING / n, 0.12)
    for n in (100, 600):
        yield f"a paired drop, Tango, fewer than {TELLING}", n, drops(5 * draws, 5, n, 0.2 / n, TELLING / n)
    for n in (100, 600):
        yield "equal models not called different, McNemar exact", n, 1 - exact_test(5 * draws, 6, n)
    for n in (100, 600):
        yield "squared error, paired bootstrap", n, bootstraps(draws, 7, n, squared_errors, lambda rows: float(rows.mean()))
        yield "mean IoU, paired bootstrap", n, bootstraps(draws, 8, n, overlaps, mean_iou)
    always, ordinary = sequences(draws, 9, 600)
    yield "looked at 30 times: confidence sequence, all looks", 600, always
    yield "looked at 30 times: Tango's interval, all looks", 600, ordinary


def proportions(draws: int, seed: int, n: int) -> float:
    """Coverage of Wilson's interval, averaged over true values between 50 and 99.9 %."""
    generator = np.random.default_rng(seed)
    truths = generator.uniform(0.5, 0.999, draws)
    intervals = (wilson(int(generator.binomial(n, truth)), n) for truth in truths)
    return float(np.mean([i.low <= truth <= i.high for i, truth in zip(intervals, truths, strict=True)]))


def drops(draws: int, seed: int, n: int, least: float, most: float) -> float:
    """Coverage of Tango's interval over true shares of differing samples from ``least`` to ``most``."""
    generator = np.random.default_rng(seed)
    covered = []
    for _ in range(draws):
        differing, part = np.exp(generator.uniform(np.log(least), np.log(most))), generator.uniform(0.2, 0.8)
        losses, wins, _ = generator.multinomial(n, [differing * part, differing * (1 - part), 1 - differing])
        found = tango(int(losses), int(wins), n)
        covered.append(found.low <= differing * (2 * part - 1) <= found.high and found.low < found.high)
    return float(np.mean(covered))


def exact_test(draws: int, seed: int, n: int) -> float:
    """How often the exact McNemar test calls two equal models different at 5 %."""
    generator = np.random.default_rng(seed)
    pairs = (generator.multinomial(n, [share, share, 1 - 2 * share]) for share in generator.uniform(0.005, 0.05, draws))
    return float(np.mean([mcnemar_exact(int(wins), int(losses)) < 0.05 for wins, losses, _ in pairs]))


def mean_iou(rows: NDArray[np.float64]) -> float:
    """As `thimble.measure.metrics.mean_iou` aggregates."""
    intersections, unions = rows.sum(axis=0).reshape(2, -1)
    return float((intersections / unions).mean())


def squared_errors(generator: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared errors of a regression and of a slightly different model."""
    error = generator.normal(0, 0.5, n)
    return error**2, (error + generator.normal(0, 0.2, n)) ** 2


def overlaps(generator: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Intersections and unions of five classes, each in half of the images."""
    unions = generator.gamma(1.0, 100, (n, 5)) * (generator.random((n, 5)) < 0.5)
    ours = generator.beta(8, 2, (n, 5))
    theirs = np.clip(ours - generator.exponential(0.01, (n, 5)) + generator.normal(0, 0.02, (n, 5)), 0, 1)
    return np.hstack([unions * ours, unions]), np.hstack([unions * theirs, unions])


def bootstraps(draws: int, seed: int, n: int, sample: Callable, aggregate: Callable) -> float:
    """Coverage of the paired bootstrap, against the difference over a million samples."""
    generator = np.random.default_rng(seed)
    truth = [aggregate(rows) for rows in sample(generator, 1_000_000)]
    intervals = (paired_bootstrap(*sample(generator, n), aggregate, seed=i) for i in range(draws))
    return float(np.mean([i.low <= truth[0] - truth[1] <= i.high for i in intervals]))


def sequences(draws: int, seed: int, n: int) -> tuple[float, float]:
    """How often a confidence sequence holds at all looks, and an ordinary 95 % interval does at every 20th sample."""
    generator = np.random.default_rng(seed)
    always, ordinary = [], []
    for _ in range(draws):
        differing, part = generator.uniform(0.01, 0.1), generator.uniform(0.3, 0.7)
        signs = generator.choice([1, -1, 0], size=n, p=[differing * part, differing * (1 - part), 1 - differing])
        truth = differing * (2 * part - 1)
        found = betting_sequence((signs + 1) / 2)  # what no look so far has excluded
        always.append(2 * found.low - 1 <= truth <= 2 * found.high - 1)
        looks = (tango(int((signs[:k] > 0).sum()), int((signs[:k] < 0).sum()), k) for k in range(20, n + 1, 20))
        ordinary.append(all(look.low <= truth <= look.high for look in looks))
    return float(np.mean(always)), float(np.mean(ordinary))
