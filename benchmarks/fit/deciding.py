"""How long a search thinks: `python benchmarks/fit/deciding.py [SAMPLES] [METRIC]` times its decisions on a study of made-up figures.

Twelve candidates, each scored on SAMPLES validation samples (5,000) by METRIC (`accuracy`) and timed beside the baseline in 30 rounds.
A search decides again after every job, from the same raw values and a few new ones.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from thimble.core.study import Candidate, Cold, Environment, Limits, Quality, Round, Run, Size, SplitInfo, Study, TaskInfo
from thimble.decide.choose import choose
from thimble.decide.limits import hopeless
from thimble.decide.summarize import summarize
from thimble.search.shortlist import shortlist

CANDIDATES, ROUNDS, REPEATS = 12, 30, 5
HERE = Environment("m", "p", (), 2, 8000, "Linux", "3.11", "none")


def made(samples: int, metric: str) -> Study:
    draw = np.random.default_rng(0)
    names = ["baseline", *(f"c{i}" for i in range(1, CANDIDATES))]
    right = draw.random(samples) < 0.9
    candidates, runs = [], []
    for i, name in enumerate(names):
        scores = tuple(float(one) for one in right ^ (draw.random(samples) < 0.002 * i))
        quality = {"validation": Quality("validation", "v", metric, scores, scores, seconds=1.0)}
        size = Size(1_000_000 - 1000 * i, 900_000)
        candidates.append(Candidate(name, "", "onnxruntime", status="ok", size=size, cold=Cold(1, 1, 1, 2), quality=quality))
        members = tuple(dict.fromkeys(("baseline", name)))
        turns = [{member: tuple(np.exp(draw.normal(1, 0.05, 20)).tolist()) for member in members} for _ in range(ROUNDS)]
        rounds = tuple(Round(members, samples, 0.1 * j) for j, samples in enumerate(turns))
        runs.append(Run(f"run{i}", members, "baseline", 0, 1, 1, rounds, HERE))
    splits = {"validation": SplitInfo(samples, "v"), "test": SplitInfo(2 * samples, "t")}
    task = TaskInfo("digits", "digits", metric, "%", True, (), splits)
    return Study("fit", "net.py:f", task, HERE, 1, 0, Limits(max_drop=2.0), tuple(candidates), tuple(runs))


def milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    samples, metric = [*sys.argv[1:], *("5000", "accuracy")[len(sys.argv) - 1 :]]
    study = made(int(samples), metric)
    decisions: dict[str, Callable[[], object]] = {
        "choose": lambda: choose(study),
        "shortlist": lambda: shortlist(study),
        "hopeless, every candidate": lambda: [hopeless(study, candidate.name) for candidate in study.candidates],
        "summarize": lambda: summarize(study),
    }
    for name, work in decisions.items():
        first = milliseconds(work)
        print(f"{name:28} first {first:7.1f} ms, again {statistics.median(milliseconds(work) for _ in range(REPEATS)):7.1f} ms")


if __name__ == "__main__":
    main()
