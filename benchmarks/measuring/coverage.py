"""Do the intervals hold what they promise? Simulations in which the truth is known: ``python benchmarks/measuring/coverage.py``.

One result for each table; the bar is that 93 to 97 % of the intervals contain the truth, and at most 6.5 % false alarms,
for machines like the one that was recorded (`LIKE_RECORDED`):

* ``habits``: what common habits do to two equal artifacts, beside this method, with 25 rounds of five inferences;
* ``fixed``: speedups in every scenario of `noise`, with 10, 25 and 60 rounds; 1 less the coverage are the false alarms
  of an artifact measured against itself;
* ``stopping``: the same with the stopping rule of ``--precision``, at several widths;
* ``reopened``: the same where processes differ from one opening to the next, and are opened anew on the way;
* ``power``: how often a member that is 3 %, 10 % or twice as slow is found to be slower, with 25 rounds;
* ``alone``: one median latency against the machine's long-run median, which no single run can promise;
* ``quality``: proportions (Wilson) and paired drops (Tango), averaged over many true values, the exact McNemar test's
  false alarms, the paired bootstrap for metrics that are no proportion, and the confidence sequence at all looks.

``--draws`` sets the number of simulated runs of each row (2,000 take about ten minutes on one core, and only they are
kept in ``results``); ``--table`` and ``--scenario`` pick some.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field

import coverage_quality
import numpy as np
from noise import SCENARIOS, Noise
from numpy.typing import NDArray
from record import record
from scipy.stats import ttest_ind

from thimble.measure.latency import REOPEN_ROUNDS
from thimble.stats import latency_interval, ratio_interval, rounds, rounds_wanted, speedup_interval

DRAWS = 2000
PRECISIONS = (0.01, 0.014, 0.02, 0.03, 0.04)
MOST_ROUNDS = 400
REOPENED = (0.01, 0.02, 0.03)
PROCESS_SPREADS = (0.006, 0.015, 0.025)
"""What two processes of one artifact were found to differ by, as the root mean square of the logarithm: the least, all, the most."""
LIKE_RECORDED = ("quiet", "shared")
"""The bar stands for machines like the one that was recorded, busy and not. Noise that is independent is none that a machine
makes, and the other scenarios are worse than it on purpose: what holds there is told, and nothing was promised."""

Scenarios = dict[str, Noise]


@dataclass
class Found:
    """A table that fills up, the figures in it, and those of them that a bar stands for."""

    lines: list[str]
    figures: list[tuple[object, ...]] = field(default_factory=list)
    covered: dict[str, list[float]] = field(default_factory=dict)
    bars: list[tuple[str, bool]] = field(default_factory=list)

    def add(self, line: str, *figures: object) -> None:
        """One more row."""
        print(line, flush=True)
        self.lines.append(line)
        self.figures.append(figures)

    def cover(self, scenario: str, share: float) -> None:
        """One more share of intervals that hold the truth."""
        self.covered.setdefault(scenario, []).append(100 * share)

    def hold(self, what: str) -> None:
        """Hold the coverage of the rows so far against the bar, and tell the lowest of the others."""
        shares = [share for name in LIKE_RECORDED for share in self.covered.get(name, [])]
        if shares:
            low, high = min(shares), max(shares)
            told = (
                f"{what} hold the truth in {low:.1f} to {high:.1f} % (bar: 93 to 97), false alarms are at most {100 - low:.1f} % (bar: 6.5)"
            )
            self.bars.append((f"{' and '.join(f'`{name}`' for name in LIKE_RECORDED)}: {told}", low >= 93.5 and high <= 97))


def fixed(draws: int, scenarios: Scenarios) -> Found:
    found = Found(["| scenario | rounds | covered % | false alarms % | half-width % |", "| --- | ---: | ---: | ---: | ---: |"])
    for name, noise in scenarios.items():
        for n in (10, 25, 60):
            times = (noise.rounds(np.random.default_rng([1, i]), 2, n) for i in range(draws))
            intervals = [ratio_interval(one, other) for one, other in times]
            covered = float(np.mean([i.low <= 1 <= i.high for i in intervals]))
            width = float(np.median([50 * (i.high - i.low) / i.value for i in intervals]))
            found.add(f"| {name} | {n} | {100 * covered:.1f} | {100 - 100 * covered:.1f} | {width:.2f} |", name, n, covered, width)
            found.cover(name, covered)
    found.hold("intervals")
    return found


def stopping(draws: int, scenarios: Scenarios) -> Found:
    found = Found(["| scenario | precision % | mean rounds | covered % | false alarms % |", "| --- | ---: | ---: | ---: | ---: |"])
    for name, noise in scenarios.items():
        runs = [_to_precision(noise.rounds(np.random.default_rng([2, i]), 2, MOST_ROUNDS)) for i in range(draws)]
        for precision, ends in zip(PRECISIONS, zip(*runs, strict=True), strict=True):
            covered, n = (float(mean) for mean in np.mean(ends, axis=0))
            line = f"| {name} | {100 * precision:g} | {n:.0f} | {100 * covered:.1f} | {100 - 100 * covered:.1f} |"
            found.add(line, name, precision, n, covered)
            found.cover(name, covered)
    found.hold("intervals at which the rule stopped")
    return found


def _to_precision(times: NDArray[np.float64]) -> list[tuple[bool, int]]:
    """Where ``--precision`` stops in one series of rounds, for every precision, and whether the interval holds the truth.

    The rule looks at the rounds so far only, so it can be asked of the whole series at once; and what it computes of a
    number of rounds it computes once for all precisions.
    """
    medians, known, half_width = np.median(times, axis=2)[:, :, None], {}, rounds._half_width
    rounds._half_width = lambda values, seed: known.get(len(values)) or known.setdefault(len(values), half_width(values, seed))
    try:
        ends = []
        for precision in PRECISIONS:
            n = min(MOST_ROUNDS, rounds_wanted(medians[0], medians[1], precision))
            interval = ratio_interval(medians[0, :n], medians[1, :n])
            ends.append((interval.low <= 1 <= interval.high, n))
        return ends
    finally:
        rounds._half_width = half_width


def reopened(draws: int, scenarios: Scenarios) -> Found:
    found = Found(["| scenario | processes differ by % | precision % | mean rounds | covered % |", "| --- | ---: | ---: | ---: | ---: |"])
    openings = [i // REOPEN_ROUNDS for i in range(MOST_ROUNDS)]
    lowest = 100.0
    for name in (name for name in LIKE_RECORDED if name in scenarios):
        for spread in (0.0, *PROCESS_SPREADS):
            runs = [_reopened(scenarios[name], spread, openings, np.random.default_rng([6, i])) for i in range(draws)]
            for precision, ends in zip(REOPENED, zip(*runs, strict=True), strict=True):
                covered, n = (float(mean) for mean in np.mean(ends, axis=0))
                found.add(f"| {name} | {100 * spread:g} | {100 * precision:g} | {n:.0f} | {100 * covered:.1f} |", name, spread, n, covered)
                lowest = min(lowest, 100 * covered)
    found.bars.append((f"intervals of reopened processes hold the truth in at least {lowest:.1f} % (bar: 93)", lowest >= 93))
    return found


def _reopened(noise: Noise, spread: float, openings: list[int], generator: np.random.Generator) -> list[tuple[bool, int]]:
    """Where ``--precision`` stops when processes are opened anew, and whether the interval holds the truth."""
    medians = np.median(noise.rounds(generator, 2, MOST_ROUNDS), axis=2)[:, :, None]
    settled = np.exp(spread * generator.standard_normal(openings[-1] + 1))  # what the two processes of an opening differ by
    medians[1] *= settled[openings][:, None]
    ends = []
    for precision in REOPENED:
        n = min(MOST_ROUNDS, rounds_wanted(medians[0], medians[1], precision, 0, openings))
        interval = speedup_interval(medians[0, :n], medians[1, :n], 0, openings[:n])
        ends.append((interval.low <= 1 <= interval.high, n))
    return ends


def alone(draws: int, scenarios: Scenarios) -> Found:
    found = Found(["| one median latency, 25 rounds | covered % |", "| --- | ---: |"])
    for name, noise in scenarios.items():
        truth = float(np.median(np.median(noise.rounds(np.random.default_rng([3, 99]), 1, 200_000)[0], axis=1)))
        intervals = (latency_interval(noise.rounds(np.random.default_rng([3, i]), 1, 25)[0]) for i in range(draws))
        covered = float(np.mean([i.low <= truth <= i.high for i in intervals]))
        found.add(f"| {name} | {100 * covered:.1f} |", name, covered)
    return found


def habits(draws: int, scenarios: Scenarios) -> Found:
    found = Found(["| two equal artifacts called different, % | " + " | ".join(scenarios) + " |", "| --- |" + " ---: |" * len(scenarios)])
    for title, differs in HABITS.items():
        shares = [float(np.mean([differs(noise, np.random.default_rng([5, i])) for i in range(draws)])) for noise in scenarios.values()]
        found.add(f"| {title} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |", title, *shares)
    worst = 100 * max(shares)
    found.bars.append((f"`ratio_interval` calls equal artifacts different in at most {worst:.1f} % (bar: 6.5)", worst <= 6.5))
    return found


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


def power(draws: int, scenarios: Scenarios) -> Found:
    found = Found(["| scenario | 3 % slower: found % | 10 % slower: found % | twice as slow: found % |", "| --- | ---: | ---: | ---: |"])
    for name, noise in scenarios.items():
        shares = []
        for factor in (1.03, 1.1, 2.0):
            runs = (noise.rounds(np.random.default_rng([4, i]), 2, 25) for i in range(draws))
            shares.append(float(np.mean([speedup_interval(times[0], factor * times[1]).high < 1 for times in runs])))
        found.add(f"| {name} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |", name, *shares)
        if name == "shared":
            found.bars.append((f"10 % slower is found in {100 * shares[1]:.1f} % of `shared` runs (bar: 95)", shares[1] >= 0.95))
    return found


def quality(draws: int, scenarios: Scenarios) -> Found:
    found = Found(["| quality | samples | covered % |", "| --- | ---: | ---: |"])
    careful = []
    for title, n, covered in coverage_quality.rows(draws):
        found.add(f"| {title} | {n} | {100 * covered:.1f} |", title, n, covered)
        if "fewer than" in title or "McNemar" in title or "sequence" in title:
            careful.append(100 * covered)
        elif "looks" not in title:
            found.cover("quality", covered)
    low, high = min(found.covered["quality"]), max(found.covered["quality"])
    found.bars.append((f"score intervals and bootstraps cover {low:.1f} to {high:.1f} % (bar: 93 to 97)", low >= 93 and high <= 97))
    found.bars.append((f"what is careful by construction covers at least {min(careful):.1f} % (bar: 93)", min(careful) >= 93))
    return found


TABLES = {table.__name__: table for table in (habits, fixed, stopping, reopened, power, alone, quality)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--table", choices=TABLES, action="append")
    parser.add_argument("--scenario", choices=SCENARIOS, action="append")
    asked = parser.parse_args()
    status = 0
    for name in asked.table or TABLES:
        found = TABLES[name](asked.draws, {name: SCENARIOS[name] for name in asked.scenario or SCENARIOS})
        print()
        keep = asked.draws >= DRAWS and not asked.scenario
        status |= record(f"coverage-{name}", found.lines, found.figures, found.bars, keep)
    sys.exit(status)
