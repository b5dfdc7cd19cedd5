"""Is a speedup right, or refused, while other programs are busy? ``python benchmarks/measuring/under_load.py``.

Speedups over eager PyTorch and over ONNX Runtime, on one thread and on two, on the machine as it is and beside one and two processes
that keep a core busy, by turns. The bar: every ratio beside a busy process lies within 15 % of the quiet ones' median, or is refused.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
from record import record

from models import subjects
from thimble.core.sampling import Sampling
from thimble.measure.latency import measure_latency
from thimble.stats import speedup_in

RUNS = 4
NAMES = ("baseline", "onnx", "onnx-int8-static", "int8-static")
PAIRS = (("baseline", "onnx-int8-static"), ("baseline", "int8-static"), ("onnx", "onnx-int8-static"))
KINDS = {"quiet": 0, "one neighbour": 1, "two neighbours": 2}


@contextmanager
def busy(cores):
    """Processes that never stop computing."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def measured(threads, runs):
    """Ratios by kind of load and pair, ``None`` where they are refused."""
    found, image = subjects(NAMES, threads)
    rows = {kind: {pair: [] for pair in PAIRS} for kind in KINDS}
    for seed in range(runs):
        for kind, hogs in KINDS.items():
            with busy(hogs):
                run = measure_latency([found[name] for name in NAMES], image, Sampling(seed=seed, rounds=12, warmup_s=4, longest_s=60))
            load = float(np.mean([turn.others_load or 0 for turn in run.rounds]))
            for pair in PAIRS:
                ratio = speedup_in(run, pair[1], pair[0])
                rows[kind][pair].append(ratio.value if ratio else None)
                told = f"{ratio.value:.3f} ({ratio.low:.3f}-{ratio.high:.3f})" if ratio else "refused"
                print(threads, kind, *pair, told, f"load {load:.2f}", flush=True)
    return rows


def judged(rows, threads):
    """Lines of the table, how far the worst ratio is off (in percent), and how many of the quiet ones were refused."""
    lines, worst, refused = [], 0.0, 0
    for pair in PAIRS:
        usual = np.median([one for one in rows["quiet"][pair] if one] or [np.nan])
        for kind in KINDS:
            given = [one for one in rows[kind][pair] if one]
            off = max((abs(np.log(one / usual)) for one in given), default=0.0) if kind != "quiet" else 0.0
            worst = max(worst, off)
            refused += len(rows[kind][pair]) - len(given) if kind == "quiet" else 0
            span = f"{min(given):.3f} to {max(given):.3f}" if given else "-"
            lines.append(f"| {pair[1]} over {pair[0]} | {threads} | {kind} | {len(rows[kind][pair])} | {len(given)} | {span} |")
    return lines, 100 * float(np.expm1(worst)), refused


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    asked = parser.parse_args()
    every = {threads: measured(threads, asked.runs) for threads in (1, 2)}
    lines = ["| speedup | threads | machine | runs | given | lowest and highest |", "| --- | ---: | --- | ---: | ---: | ---: |"]
    bars = []
    for threads, rows in every.items():
        more, worst, refused = judged(rows, threads)
        lines += more
        word = "thread" if threads == 1 else "threads"
        given = sum(one is not None for kind in KINDS if kind != "quiet" for ratios in rows[kind].values() for one in ratios)
        asked_for = 2 * asked.runs * len(PAIRS)
        said = (
            f"the {given} ratios given of {asked_for} are at most {worst:.0f} % off (bar: 15)"
            if given
            else f"none of {asked_for} ratios was given"
        )
        bars.append((f"{threads} {word}: {said} beside busy processes", worst <= 15))
        bars.append((f"{threads} {word}: {refused} of {asked.runs * len(PAIRS)} quiet ratios are refused (bar: 0)", refused == 0))
    plain = {str(t): {k: {" over ".join(p[::-1]): v for p, v in r.items()} for k, r in rows.items()} for t, rows in every.items()}
    sys.exit(record("under_load", lines, plain, bars, keep=asked.runs >= RUNS))
