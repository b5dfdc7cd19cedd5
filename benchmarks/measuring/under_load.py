"""Does a speedup hold while another program is busy? ``python benchmarks/measuring/under_load.py``.

The speedup of ``onnx-int8-static`` over ``onnx`` on one thread, on the machine as it is and with a process that keeps a
core busy, by turns. The bars: the two medians are within 10 % of each other, and every run under load warns of it.
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
from thimble.stats import ratio_interval

RUNS = 6


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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    asked = parser.parse_args()
    found, image = subjects(("onnx", "onnx-int8-static"), threads=1)
    pair = [found["onnx"], found["onnx-int8-static"]]
    rows = {"quiet": [], "one core busy": []}
    for seed in range(asked.runs):
        for kind in rows:
            with busy(kind != "quiet"):
                run = measure_latency(pair, image, Sampling(seed=seed))
            ratio = ratio_interval(*([turn.samples_ms[s.name] for turn in run.rounds] for s in pair), seed)
            load = float(np.mean([turn.others_load or 0 for turn in run.rounds]))
            warned = any(advice.code == "machine-busy" for advice in run.warnings)
            rows[kind].append({"ratio": ratio.value, "low": ratio.low, "high": ratio.high, "load": load, "warned": warned})
            print(kind, f"{ratio.value:.3f} ({ratio.low:.3f}-{ratio.high:.3f})", f"load {load:.2f}", warned, flush=True)
    lines = [
        "| machine | runs | speedup, median of runs | lowest and highest | load of others % | warned |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, runs in rows.items():
        values = [run["ratio"] for run in runs]
        load, warned = 100 * np.mean([run["load"] for run in runs]), sum(run["warned"] for run in runs)
        lines.append(f"| {kind} | {len(runs)} | {np.median(values):.3f} | {min(values):.3f}, {max(values):.3f} | {load:.0f} | {warned} |")
    change = 100 * (np.median([run["ratio"] for run in rows["one core busy"]]) / np.median([run["ratio"] for run in rows["quiet"]]) - 1)
    warned = sum(run["warned"] for run in rows["one core busy"])
    bars = [
        (f"the speedup under load differs by {change:+.1f} % from the quiet one (bar: 10 either way)", abs(change) <= 10),
        (f"{warned} of {asked.runs} runs under load warn of it (bar: all)", warned == asked.runs),
    ]
    sys.exit(record("under_load", lines, rows, bars, keep=asked.runs >= RUNS))
