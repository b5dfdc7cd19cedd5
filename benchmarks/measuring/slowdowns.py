"""Is a slowdown found that is really there? ``python benchmarks/measuring/slowdowns.py``.

A runtime that takes exactly the time its script says, on the real clock of this machine, against itself made 3 %, 10 %
and 2x slower. The bar: 10 % is found in at least 95 of 100 runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from record import record

from thimble.core.artifact import Artifact
from thimble.core.registry import RUNTIMES
from thimble.core.sampling import Sampling
from thimble.core.subject import Subject
from thimble.core.values import File, TensorSpec
from thimble.devices.process import Worker
from thimble.measure.latency import measure_latency
from thimble.stats import speedup_interval, verdict

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "inference"))
from scripted import Scripted

SLOWDOWNS = {"0 %": 1.0, "3 %": 1.03, "10 %": 1.1, "2x": 2.0}
RUNS = 100


def scripted(folder: Path, name: str, ms: float) -> Subject:
    place = folder / name
    place.mkdir(exist_ok=True)
    (place / "model.json").write_text(json.dumps({"ms": ms}))
    files = (File.of(place / "model.json", place),)
    return Subject(name, place, Artifact("scripted", "model.json", files, (TensorSpec("x", (None, 1)),), ("y",)), "scripted")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--ms", type=float, default=0.3)
    parser.add_argument("--only", choices=SLOWDOWNS, action="append")
    asked = parser.parse_args()
    RUNTIMES.__dict__["_plugins"] = {"scripted": SimpleNamespace(load=lambda: Scripted)}
    lines = [
        "| slowdown | runs | called slower | called faster | median ratio | median half-width % |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for title in asked.only or SLOWDOWNS:
            rows = []
            pair = [scripted(Path(folder), "as it is", asked.ms), scripted(Path(folder), "slower", asked.ms * SLOWDOWNS[title])]
            with ExitStack() as stack:
                workers = {subject.name: stack.enter_context(Worker(subject)) for subject in pair}
                for seed in range(asked.runs):
                    run = measure_latency(pair, {"x": np.zeros((1, 1), np.float32)}, Sampling(seed=seed), workers=workers)
                    ratio = speedup_interval(*([turn.samples_ms[s.name] for turn in run.rounds] for s in pair), seed)
                    rows.append({"ratio": ratio.value, "low": ratio.low, "high": ratio.high, "verdict": verdict(ratio)})
            said = [row["verdict"] for row in rows]
            middle = np.median([row["ratio"] for row in rows])
            width = np.median([50 * (row["high"] - row["low"]) / row["ratio"] for row in rows])
            lines.append(f"| {title} | {len(rows)} | {said.count('slower')} | {said.count('faster')} | {middle:.3f} | {width:.2f} |")
            print(lines[-1], flush=True)
            figures[title] = rows
    bars = []
    for title, (least, most) in {"0 %": (0, 0.065), "10 %": (0.95, 1), "2x": (1, 1)}.items():
        if rows := figures.get(title):
            count = sum(row["verdict"] != "no proven difference" for row in rows)
            bar = f"at most {100 * most:g} %" if title == "0 %" else f"at least {100 * least:g} %"
            bars.append(
                (f"{title} slower is called different in {count} of {len(rows)} runs (bar: {bar})", least <= count / len(rows) <= most)
            )
    sys.exit(record("slowdowns", lines, figures, bars, keep=asked.runs >= RUNS and not asked.only))
