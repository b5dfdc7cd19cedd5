"""The same artifact against itself, over and over: ``python benchmarks/measuring/aa.py``.

An interval of 95 % calls two equal things different once in 20 runs. The bar is "no proven difference" in at least 16
of 20; a perfect method fails that about once in 400 times. Each run opens both in fresh processes.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from record import record

from models import subjects
from thimble.core.sampling import Sampling
from thimble.measure.latency import measure_latency
from thimble.stats import speedup_interval, verdict

NAMES = ("baseline", "onnx", "onnx-int8-static")
RUNS = 20
AT_LEAST = 0.8

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--only", choices=NAMES, action="append")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    found, image = subjects(asked.only or NAMES, asked.threads)
    lines = [
        "| artifact against itself | runs | no proven difference | median half-width % | ratio farthest from 1 | load of others % |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    figures, bars = {}, []
    for name, subject in found.items():
        rows = []
        for seed in range(asked.runs):
            run = measure_latency([subject, replace(subject, name="again")], image, Sampling(seed=seed, reopen=True))
            one, other = ([turn.samples_ms[member] for turn in run.rounds] for member in (name, "again"))
            ratio = speedup_interval(one, other, seed, [turn.opening for turn in run.rounds])
            load = sum(turn.others_load or 0 for turn in run.rounds) / len(run.rounds)
            rows.append({"ratio": ratio.value, "low": ratio.low, "high": ratio.high, "verdict": verdict(ratio), "load": load})
            print(name, seed, f"{ratio:.3f}", verdict(ratio), flush=True)
        widths = sorted(50 * (row["high"] - row["low"]) / row["ratio"] for row in rows)
        worst = max((row["ratio"] for row in rows), key=lambda ratio: abs(ratio - 1))
        same = sum(row["verdict"] == "no proven difference" for row in rows)
        load = 100 * sum(row["load"] for row in rows) / len(rows)
        lines.append(f"| `{name}` | {len(rows)} | {same} | {widths[len(widths) // 2]:.1f} | {worst:.3f} | {load:.0f} |")
        figures[name] = rows
        bars.append((f"`{name}`: no proven difference in {same} of {len(rows)} runs (bar: 16 of 20)", same >= AT_LEAST * len(rows)))
    sys.exit(record("aa", lines, figures, bars, keep=asked.runs >= RUNS and not asked.only))
