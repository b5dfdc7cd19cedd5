"""Repeat a small study for a long time, and watch that nothing grows: memory, processes, open files, temporary folders, the store.

    python benchmarks/long_life.py --minutes 60 [--max 200MB]

Each turn carries out `thimble.fit` on the handwritten digits in this process, with another seed, so that the work is never the
store's. It prints one line a turn, and at the end the growth from the first quarter of the turns to the last; exit code 1 where
something has grown.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

NET = """
from torch import nn


def network():
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))


network.inputs = {"input": (1, 3, 16, 16)}
"""
CACHES = 3
"""Folders that a library makes once, when it is first used."""
GROWTH_MB = 30.0
"""Resident memory that may come on top from the first quarter of the turns to the last: allocators keep what they had once."""


@dataclass(frozen=True)
class Seen:
    """One turn's figures: megabytes of memory and of the store, and counts."""

    memory_mb: float
    threads: int
    files: int
    children: int
    temporary: int
    store_mb: float
    entries: int


def memory_mb() -> float:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024 / 1e6


def children() -> int:
    """Processes below this one."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if words[0] != "Z":
            parents[int(entry.parent.name)] = int(words[1])
    below, found = {os.getpid()}, 0
    while new := {pid for pid, parent in parents.items() if parent in below} - below:
        below, found = below | new, found + len(new)
    return found


def seen(store: Path, place: Path) -> Seen:
    files = [path for path in store.rglob("*") if path.is_file()]
    return Seen(
        memory_mb(),
        len(list(Path("/proc/self/task").iterdir())),
        len(list(Path("/proc/self/fd").iterdir())),
        children(),
        sum(1 for path in place.rglob("*") if path.name != ".held"),
        sum(path.stat().st_size for path in files) / 1e6,
        len(files),
    )


def turn(seed: int, work: Path, budget: float) -> bool:
    """One study; whether its baseline was ready within the budget, which a crowded machine may prevent."""
    from thimble import Fit, ThimbleError, fit

    asked = Fit(f"{work / 'net.py'}:network", "digits", seed=seed, size=16, threads=1, budget=budget)
    try:
        fit(asked, work / f"out{seed}")
    except ThimbleError as error:
        print(f"turn {seed + 1}: {error}", flush=True)
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--budget", type=float, default=40.0, help="seconds of each study")
    parser.add_argument("--max", default="50MB", help="limit of the store")
    asked = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="long-life-"))
    place, store = work / "tmp", work / "store"
    place.mkdir()
    os.environ |= {"TMPDIR": str(place), "THIMBLE_STORE": str(store)}
    tempfile.tempdir = str(place)
    (work / "net.py").write_text(NET)

    from thimble.engine.store import Store
    from thimble.engine.tidy import bytes_of

    limit = bytes_of(asked.max)
    Store().keep_within(limit)
    begun, turns, whole = time.monotonic(), list[Seen](), 0
    while time.monotonic() - begun < 60 * asked.minutes:
        whole += turn(len(turns), work, asked.budget)
        Store()  # as the next command would: what is beyond the limit goes
        turns.append(seen(store, place))
        print(f"{(time.monotonic() - begun) / 60:6.1f} min  turn {len(turns):3d}  {turns[-1]}", flush=True)
    print(f"{whole} of {len(turns)} studies were whole")
    sys.exit(judged(turns, limit))


def judged(turns: list[Seen], limit: int) -> int:
    """Print what has grown; 1 where something has."""
    quarter = max(1, len(turns) // 4)
    # the first turn imports the libraries
    early, late = turns[1 : quarter + 1] or turns, turns[-quarter:]
    grown = []
    for name, slack in (("memory_mb", GROWTH_MB), ("threads", 0), ("files", 0), ("children", 0), ("temporary", CACHES)):
        first, last = (statistics.median(getattr(one, name) for one in part) for part in (early, late))
        print(f"{name}: {first:g} in the first turns, {last:g} in the last")
        if last > first + slack:
            grown.append(name)
    most = max(one.store_mb for one in turns)
    print(f"store: {most:.1f} MB at most, limit {limit / 1e6:g} MB; entries {turns[0].entries} to {turns[-1].entries}")
    if most > limit / 1e6 + max(b.store_mb - a.store_mb for a, b in zip(turns, turns[1:] or turns, strict=False)):  # a study comes on top
        grown.append("store")
    print(f"grown: {', '.join(grown) or 'nothing'}, in {len(turns)} turns")
    return 1 if grown else 0


if __name__ == "__main__":
    main()
