"""A picture of latency over time, for runs without a pause."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from thimble.core.study import Run


def plot_sustained(runs: Sequence[Run], path: Path) -> None:
    """One panel for each run: every kept sample, and each round's median, over the seconds since its start."""
    from statistics import median

    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.4 * len(runs)), layout="constrained")
    panels = figure.subplots(len(runs), 1, squeeze=False)[:, 0]
    for panel, run in zip(panels, runs, strict=True):
        name = run.members[0]
        times = [(turn.at_s, turn.samples_ms[name]) for turn in run.rounds]
        panel.plot([at for at, samples in times for _ in samples], [ms for _, samples in times for ms in samples], ".", color="0.75", ms=2)
        panel.plot([at for at, _ in times], [median(samples) for _, samples in times], color="C0")
        low, high = min(ms for _, samples in times for ms in samples), max(median(samples) for _, samples in times)
        panel.set_ylim(0.9 * low, 1.3 * high)
        panel.set_title(name, loc="left", fontsize="medium")
        panel.set_ylabel("ms")
    panels[-1].set_xlabel("seconds")
    figure.savefig(path, dpi=120)
