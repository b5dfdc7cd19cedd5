"""Draws the picture of ``docs/measuring.md`` from a kept measurement: ``python benchmarks/measuring/rounds.py STUDY [FILE]``.

Above: every inference of the first two members, round by round, and each round's medians. Below: the rounds' ratios,
with their median and its interval.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

from thimble.core.study import read_study
from thimble.stats import ratio_interval

BLUE, ORANGE, GREY = "#0072b2", "#e69f00", "#666666"


def draw(study: Path, file: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    run = read_study(study).runs[0]
    names = run.members[:2]
    series = [[turn.samples_ms[name] for turn in run.rounds] for name in names]
    medians = [np.array([np.median(samples) for samples in each]) for each in series]
    figure, (times, ratios) = plt.subplots(2, 1, figsize=(8, 6), layout="constrained", sharex=True, height_ratios=(1.4, 1))
    numbers = np.arange(1, len(run.rounds) + 1)
    for each, middle, colour, name in zip(series, medians, (BLUE, ORANGE), names, strict=True):
        for n, samples in zip(numbers, each, strict=True):
            times.plot(np.full(len(samples), n), samples, ".", ms=3, color=colour, alpha=0.3, mew=0)
        times.plot(numbers, middle, "o-", ms=4, lw=1, color=colour, label=name)
    load = 100 * np.mean([turn.others_load or 0 for turn in run.rounds])
    times.set(
        ylabel="ms", yscale="log", title=f"Every inference, and each round's median; other programs used {load:.0f} % of the processor"
    )
    times.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    times.legend(loc="upper right", ncols=2, frameon=False)
    found = ratio_interval(*series, run.seed)
    ratios.axhspan(found.low, found.high, color=BLUE, alpha=0.15, lw=0)
    ratios.axhline(found.value, color=BLUE, lw=1.2)
    ratios.plot(numbers, medians[0] / medians[1], "o", ms=4, color=GREY)
    ratios.set(ylabel="times as fast", xlabel="round", title=f"Their ratio in each round, and its median: {found:.2f}")
    for axes in (times, ratios):
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_size(11)
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parents[2] / "docs" / "img" / "rounds.png")
