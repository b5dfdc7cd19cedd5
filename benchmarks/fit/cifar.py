"""Fit networks whose gains are known, as a user would: ResNet-20 and ResNet-56 on CIFAR-10, ResNet-18 on the digits.

    python benchmarks/fit/cifar.py --data DIR --networks cifar_resnet.py [--only resnet20 resnet56 digits] [--budget 14m]

DIR holds class folders below ``train`` and ``test``; ``cifar_resnet.py`` has functions ``resnet20`` and ``resnet56`` that load
their weights. The digits' network is the one that `thimble lab` trains. Each fit runs in a process of its own, `thimble fit`
with a budget. Prints a table of what was recommended beside what it has to reach, and exits with 1 where one misses it: the
speedup and the size against PyTorch FP32 are those of the closing run and of the files, the drop is that of the test split.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from thimble import read_study, summarize


@dataclass(frozen=True)
class Goal:
    """What a fit has to find: so many times as fast and as small as the baseline, within the drop, in so many seconds."""

    faster: float
    smaller: float
    drop: float
    seconds: float = 900.0


GOALS = {"resnet20": Goal(6.5, 3.3, 1), "resnet56": Goal(6.5, 3.3, 1), "digits": Goal(5, 5, 2)}


def thimble(*arguments: str) -> tuple[int, float]:
    """Exit code and seconds of a command."""
    begun = time.monotonic()
    code = subprocess.run([sys.executable, "-m", "thimble", *arguments], check=False).returncode
    return code, time.monotonic() - begun


def arguments_of(name: str, given: argparse.Namespace, place: Path) -> list[str]:
    """What is asked of `thimble fit`."""
    if name == "digits":
        thimble("lab", "--only", "baseline", "--out", str(place / "lab"), *threads(given))
        model = [str(place / "lab" / "artifacts" / "baseline" / "model.pt2"), "--data", "digits", "--size", "64"]
    else:
        model = [f"{given.networks}:{name}", "--data", f"imagefolder:{given.data}", "--size", "32"]
        model += ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"]
    return [*model, "--max-drop", str(GOALS[name].drop), "--minimize", "latency", "--budget", given.budget, *threads(given)]


def threads(given: argparse.Namespace) -> list[str]:
    return ["--threads", str(given.threads)] if given.threads else []


def row_of(name: str, code: int, seconds: float, folder: Path) -> tuple[str, bool]:
    """A line of the table, and whether the goal was reached."""
    goal, study = GOALS[name], read_study(folder)
    summary = summarize(study)
    row = summary.row(summary.chosen or study.candidates[0].name)
    faster, smaller, drop = row.speedup, row.compression or 1.0, row.drop
    fine = (
        code == 0
        and summary.met
        and faster is not None
        and faster.value >= goal.faster
        and smaller >= goal.smaller
        and drop is not None
        and drop.high <= goal.drop
        and seconds <= goal.seconds
    )
    figures = f"{faster:.2f} | {smaller:.2f} | {drop:.2f} | {seconds / 60:.1f}" if faster and drop else f"- | {smaller:.2f} | - | -"
    goals = f"{goal.faster:g}x, {goal.smaller:g}x, {goal.drop:g} in {goal.seconds / 60:g} min"
    return f"| {name} | {row.name} | {figures} | {goals} | {'yes' if fine else 'NO'} |", fine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--networks", type=Path)
    parser.add_argument("--budget", default="14m")
    parser.add_argument("--threads", type=int, help="default: the cores at hand")
    parser.add_argument("--keep", type=Path, help="leave the results here")
    parser.add_argument("--only", nargs="*", choices=GOALS, default=list(GOALS))
    given = parser.parse_args()
    if set(given.only) - {"digits"} and not (given.data and given.networks):
        parser.error("ResNet-20 and ResNet-56 need --data and --networks")
    place = given.keep or Path(tempfile.mkdtemp(prefix="thimble-fit-"))
    os.environ.setdefault("THIMBLE_STORE", str(place / "store"))
    lines = []
    for name in given.only:
        code, seconds = thimble("fit", *arguments_of(name, given, place), "--out", str(place / name))
        lines.append(row_of(name, code, seconds, place / name))
    print("| network | recommended | faster | smaller | drop | minutes | goal: faster, smaller, drop | reached |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(line for line, _ in lines))
    sys.exit(0 if all(fine for _, fine in lines) else 1)


if __name__ == "__main__":
    main()
