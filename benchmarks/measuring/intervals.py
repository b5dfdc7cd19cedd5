"""Draws the picture of ``docs/statistics.md`` from simulated runs: ``python benchmarks/measuring/intervals.py [FILE]``.

Above: the rounds of one run on a shared machine, both members' times and their ratio. Below: the intervals of fifty
such runs, of which about two or three miss the truth; that is what 95 % means.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from noise import SCENARIOS

from thimble.stats import latency_interval, ratio_interval

TRUE, ROUNDS, RUNS, SHOWN = 1.5, 40, 50, 4
BLUE, ORANGE, GREY, RED = "#0072b2", "#e69f00", "#666666", "#d55e00"


def draw(file: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    runs = [SCENARIOS["shared"].rounds(np.random.default_rng([0, i]), 2, ROUNDS) * [[[12.0]], [[12.0 / TRUE]]] for i in range(RUNS)]
    figure, (times, ratios, many) = plt.subplots(3, 1, figsize=(8, 9), layout="constrained", height_ratios=(1, 1, 1.1))
    first = runs[SHOWN]
    for values, colour, name in zip(first, (BLUE, ORANGE), ("reference", "candidate"), strict=True):
        times.plot(np.median(values, axis=1), "o-", ms=3.5, lw=1, color=colour, label=name)
        for n, samples in enumerate(values):
            times.plot(np.full(len(samples), n), samples, ".", ms=2, color=colour, alpha=0.4)
    times.set(ylabel="ms", ylim=(0, 30), title="A run on a shared machine: slow drift hits both, bursts hit whoever runs")
    times.legend(loc="upper right", ncols=2, frameon=False)
    found = ratio_interval(*first)
    ratios.axhspan(found.low, found.high, color=BLUE, alpha=0.15, lw=0)
    ratios.axhline(found.value, color=BLUE, lw=1.2)
    each_round = np.median(first[0], axis=1) / np.median(first[1], axis=1)
    inside = np.clip(each_round, 1.02, 1.98)
    ratios.plot(inside, "o", ms=4, color=GREY)
    for n in np.flatnonzero(inside != each_round):
        ratios.plot(n, inside[n], "^" if each_round[n] > TRUE else "v", ms=8, color=GREY)
    ratios.axhline(TRUE, color="black", lw=0.8, ls="--")
    ratios.set(
        ylabel="times as fast",
        xlabel="round",
        ylim=(1, 2),
        title=f"Their ratio, round by round: {found.value:.2f} ({found.low:.2f} to {found.high:.2f})",
    )
    missed = 0
    for i, run in enumerate(runs):
        each = ratio_interval(*run)
        wrong = not each.low <= TRUE <= each.high
        missed += wrong
        many.plot([i, i], [each.low, each.high], color=RED if wrong else BLUE, lw=2.2)
        many.plot(i, each.value, ".", ms=4, color="black")
    many.axhline(TRUE, color="black", lw=0.8, ls="--")
    many.set(
        ylabel="times as fast",
        xlabel="run",
        title=f"The intervals of {RUNS} such runs; {missed} {'misses' if missed == 1 else 'miss'} the truth (dashed)",
    )
    for axes in (times, ratios, many):
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_size(11)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    alone = latency_interval(first[1])
    print(f"candidate: {alone.value:.2f} ms ({alone.low:.2f} to {alone.high:.2f})")
    print(f"ratio: {found.value:.2f} ({found.low:.2f} to {found.high:.2f}), true {TRUE}; {missed} of {RUNS} runs missed it")


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "docs" / "img" / "intervals.png")
