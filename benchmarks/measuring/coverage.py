"""Do the intervals hold what they promise? Simulations in which the truth is known: ``python benchmarks/measuring/coverage.py``.

Prints, as Markdown, the share of intervals that contain the truth (95 % is the promise, 93 to 97 % the bar):

* what common habits do to two equal artifacts, beside this method, with 25 rounds of five inferences;
* speedups, in every scenario of `noise`, with 25 rounds, and with the stopping rule of ``--precision`` at several widths;
* false alarms of an artifact measured against itself (those are the same numbers, read from the other side);
* how often a member that is 3 %, 10 % or twice as slow is found to be slower, with 25 rounds;
* proportions (Wilson) and paired drops (Tango), averaged over many true values, and the exact McNemar test's false alarms;
* the paired bootstrap for metrics that are no proportion, and the confidence sequence at the worst of all looks.

``--draws`` sets the number of simulated runs of each row (2,000 takes about half an hour on one core); ``--table`` and
``--scenario`` pick some.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from noise import SCENARIOS, Noise
from numpy.typing import NDArray
from scipy.stats import ttest_ind

from thimble.base.summary import Interval
from thimble.stats import latency_interval, mcnemar_exact, ratio_interval, rounds_wanted, tango, wilson
from thimble.stats.quality import paired_bootstrap
from thimble.stats.sequential import betting_sequence

PRECISIONS = (0.01, 0.014, 0.02, 0.03, 0.04)
MOST_ROUNDS = 400

Scenarios = dict[str, Noise]


def run_to_precision(times: NDArray[np.float64], precision: float) -> tuple[Interval, int]:
    """Stop as ``--precision`` does. The rule looks at the rounds so far only, so it can be asked of the whole series at once."""
    n = min(times.shape[1], rounds_wanted(times[0], times[1], precision))
    return ratio_interval(times[0, :n], times[1, :n]), n


def speedups(noise: Noise, draws: int, seed: int, rounds: int | None = None, precision: float | None = None) -> tuple[float, float, float]:
    """Coverage of a speedup of 1, mean rounds, and the median half-width in percent."""
    found = []
    for i in range(draws):
        times = noise.rounds(np.random.default_rng([seed, i]), 2, rounds or MOST_ROUNDS)
        interval, n = (ratio_interval(times[0], times[1]), rounds) if precision is None else run_to_precision(times, precision)
        found.append((interval.low <= 1 <= interval.high, n, 50 * (interval.high - interval.low) / interval.value))
    covered, counts, widths = (np.array(column, dtype=float) for column in zip(*found, strict=True))
    return float(covered.mean()), float(counts.mean()), float(np.median(widths))


def latencies(noise: Noise, draws: int, seed: int, rounds: int) -> float:
    """Coverage of one member's median latency, against the median over a very long run."""
    truth = float(np.median(np.median(noise.rounds(np.random.default_rng([seed, 99]), 1, 200_000)[0], axis=1)))
    intervals = (latency_interval(noise.rounds(np.random.default_rng([seed, i]), 1, rounds)[0]) for i in range(draws))
    return float(np.mean([i.low <= truth <= i.high for i in intervals]))


def proportions(draws: int, seed: int, n: int) -> float:
    """Coverage of Wilson's interval, averaged over true values between 50 and 99.9 %."""
    generator = np.random.default_rng(seed)
    truths = generator.uniform(0.5, 0.999, draws)
    intervals = (wilson(int(generator.binomial(n, truth)), n) for truth in truths)
    return float(np.mean([i.low <= truth <= i.high for i, truth in zip(intervals, truths, strict=True)]))


def drops(draws: int, seed: int, n: int) -> tuple[float, float]:
    """Coverage of Tango's interval over true shares of differing samples of 0.2 to 12 %; and how often it is [0, 0]."""
    generator = np.random.default_rng(seed)
    covered, collapsed = [], []
    for _ in range(draws):
        differing, part = np.exp(generator.uniform(np.log(0.002), np.log(0.12))), generator.uniform(0.2, 0.8)
        losses, wins, _ = generator.multinomial(n, [differing * part, differing * (1 - part), 1 - differing])
        found = tango(int(losses), int(wins), n)
        covered.append(found.low <= differing * (2 * part - 1) <= found.high)
        collapsed.append(found.low == found.high)
    return float(np.mean(covered)), float(np.mean(collapsed))


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


def fixed(draws: int, scenarios: Scenarios) -> Iterator[str]:
    yield "| scenario | rounds | covered % | false alarms % | half-width % |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, noise in scenarios.items():
        for rounds in (10, 25, 60):
            covered, _, width = speedups(noise, draws, 1, rounds=rounds)
            yield f"| {name} | {rounds} | {100 * covered:.1f} | {100 - 100 * covered:.1f} | {width:.2f} |"


def stopping(draws: int, scenarios: Scenarios) -> Iterator[str]:
    yield "| scenario | precision % | mean rounds | covered % | false alarms % |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, noise in scenarios.items():
        all_covered = []
        for precision in PRECISIONS:
            covered, n, _ = speedups(noise, draws, 2, precision=precision)
            all_covered.append(covered)
            yield f"| {name} | {100 * precision:g} | {n:.0f} | {100 * covered:.1f} | {100 - 100 * covered:.1f} |"
        mean = float(np.mean(all_covered))
        yield f"| **{name}** | all | | **{100 * mean:.1f}** | **{100 - 100 * mean:.1f}** |"


def alone(draws: int, scenarios: Scenarios) -> Iterator[str]:
    yield "| one median latency, 25 rounds | covered % |"
    yield "| --- | ---: |"
    for name, noise in scenarios.items():
        yield f"| {name} | {100 * latencies(noise, draws, 3, 25):.1f} |"


def habits(draws: int, scenarios: Scenarios) -> Iterator[str]:
    yield "| two equal artifacts called different, % | " + " | ".join(scenarios) + " |"
    yield "| --- |" + " ---: |" * len(scenarios)
    for title, differs in HABITS.items():
        shares = [np.mean([differs(noise, np.random.default_rng([5, i])) for i in range(draws)]) for noise in scenarios.values()]
        yield f"| {title} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |"


def _one_after_the_other(noise: Noise, generator: np.random.Generator) -> bool:
    times = noise.rounds(generator, 1, 50)[0]
    return bool(ttest_ind(times[:25].ravel(), times[25:].ravel(), equal_var=False).pvalue < 0.05)


def _interleaved(noise: Noise, generator: np.random.Generator) -> bool:
    times = noise.rounds(generator, 2, 25)
    return bool(ttest_ind(times[0].ravel(), times[1].ravel(), equal_var=False).pvalue < 0.05)


def _plain_bootstrap(noise: Noise, generator: np.random.Generator) -> bool:
    ratios = np.divide(*np.median(noise.rounds(generator, 2, 25), axis=2))
    low, high = np.percentile(np.median(ratios[generator.integers(0, 25, (1000, 25))], axis=1), (2.5, 97.5))
    return bool(low > 1 or high < 1)


def _ours(noise: Noise, generator: np.random.Generator) -> bool:
    times = noise.rounds(generator, 2, 25)
    found = ratio_interval(times[0], times[1])
    return found.low > 1 or found.high < 1


HABITS = {
    "one after the other, t-test of all times": _one_after_the_other,
    "in turns, t-test of all times": _interleaved,
    "in turns, ratios by round, plain bootstrap": _plain_bootstrap,
    "in turns, ratios by round, `ratio_interval`": _ours,
}


def power(draws: int, scenarios: Scenarios) -> Iterator[str]:
    yield "| scenario | 3 % slower: found % | 10 % slower: found % | twice as slow: found % |"
    yield "| --- | ---: | ---: | ---: |"
    for name, noise in scenarios.items():
        shares = []
        for factor in (1.03, 1.1, 2.0):
            runs = (noise.rounds(np.random.default_rng([4, i]), 2, 25) for i in range(draws))
            shares.append(np.mean([ratio_interval(times[0], factor * times[1]).high < 1 for times in runs]))
        yield f"| {name} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |"


def quality(draws: int, scenarios: Scenarios) -> Iterator[str]:
    yield "| quality | samples | covered % |"
    yield "| --- | ---: | ---: |"
    for n in (100, 300, 600, 3000):
        yield f"| a proportion, Wilson | {n} | {100 * proportions(5 * draws, 4, n):.1f} |"
    for n in (100, 300, 600, 3000):
        covered, collapsed = drops(5 * draws, 5, n)
        yield f"| a paired drop, Tango ([0, 0] in {100 * collapsed:.1f} %) | {n} | {100 * covered:.1f} |"
    for n in (100, 600):
        yield f"| equal models not called different, McNemar exact | {n} | {100 - 100 * exact_test(5 * draws, 6, n):.1f} |"
    for n in (100, 600):
        yield f"| squared error, paired bootstrap | {n} | {100 * bootstraps(draws, 7, n, squared_errors, lambda r: float(r.mean())):.1f} |"
        yield f"| mean IoU, paired bootstrap | {n} | {100 * bootstraps(draws, 8, n, overlaps, mean_iou):.1f} |"
    always, ordinary = sequences(draws // 2, 9, 600)
    yield f"| looked at 30 times: confidence sequence, all looks | 600 | {100 * always:.1f} |"
    yield f"| looked at 30 times: Tango's interval, all looks | 600 | {100 * ordinary:.1f} |"


TABLES = {table.__name__: table for table in (habits, fixed, stopping, power, alone, quality)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--table", choices=TABLES, action="append")
    parser.add_argument("--scenario", choices=SCENARIOS, action="append")
    asked = parser.parse_args()
    for table in asked.table or TABLES:
        for line in TABLES[table](asked.draws, {name: SCENARIOS[name] for name in asked.scenario or SCENARIOS}):
            print(line, flush=True)
        print()
