"""Does it matter who is opened first? ``python benchmarks/measuring/placement.py``.

Six copies of one artifact are opened one after the other, each in a process of its own, and measured together: by how much
does each differ from their mean, in the order of their opening? Once with free memory as other programs left it, and once with its
small pieces held while they are opened, as every measurement does it. The bar: then no place in the order is worth more
than three standard errors of its mean.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from record import record

from models import subjects
from thimble.core.subject import Subject
from thimble.core.task import Arrays
from thimble.devices.lock import measuring_lock
from thimble.devices.placement import small_pieces_held
from thimble.devices.process import Worker
from thimble.measure.rounds import Member, Record, take_round

COPIES, ROUNDS, RUNS = 6, 20, 8
NAME = "onnx-int8-static"


def opened(subject: Subject, image: Arrays, hold: bool) -> list[Member]:
    """The copies in the order of their opening, each warmed up before the next one is opened."""
    members = []
    with small_pieces_held() if hold else nullcontext():
        for i in range(COPIES):
            member = Member(replace(subject, name=f"copy {i}"), Worker(replace(subject, name=f"copy {i}")))
            member.worker.open()
            member.worker.bind(image)
            member.fit_slice(member.worker.time(100)[-20:])
            members.append(member)
    return members


def effects(subject: Subject, image: Arrays, hold: bool, seed: int) -> NDArray[np.float64]:
    """By how much each copy's time differs from the mean of all, in percent."""
    members, taken, drawn = opened(subject, image, hold), Record(openings=1), random.Random(seed)
    try:
        for _ in range(ROUNDS):
            take_round(drawn.sample(members, COPIES), taken)
    finally:
        for member in members:
            member.worker.close()
    logs = np.log([[statistics.median(turn.samples_ms[member.name]) for member in members] for turn in taken.rounds])
    found: NDArray[np.float64] = 100 * np.median(logs - logs.mean(axis=1, keepdims=True), axis=0)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    asked = parser.parse_args()
    found, image = subjects([NAME])
    places = ("first", "second", "third", "fourth", "fifth", "last")
    lines = [
        "| free memory | " + " | ".join(f"opened {place} %" for place in places) + " | spread % |",
        "| --- |" + " ---: |" * (COPIES + 1),
    ]
    figures, worst = {}, 0.0
    with measuring_lock():
        for title, hold in (("as it was", False), ("small pieces held", True)):
            rows = np.array([effects(found[NAME], image, hold, seed) for seed in range(asked.runs)])
            means, errors = rows.mean(axis=0), rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
            spread = float(np.sqrt(np.mean(rows**2)))
            lines.append(f"| {title} | " + " | ".join(f"{mean:+.1f}" for mean in means) + f" | {spread:.1f} |")
            figures[title], worst = rows.tolist(), float(np.max(np.abs(means) / errors))
            print(lines[-1], flush=True)
    bar = (f"with small pieces held no place is off by more than {worst:.1f} standard errors (bar: 3)", worst <= 3)
    sys.exit(record("placement", lines, figures, [bar], keep=asked.runs >= RUNS))
