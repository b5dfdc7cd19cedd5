"""Five networks in every installed runtime and precision, side by side: ``python side_by_side.py OUT [NETWORK ...]``.

For each network one run of `thimble.compare_runtimes` with one and two threads; then each of the runtimes that `bare.py` knows beside
a bare loop of its own API on the same file, in turns, so that the machine hits both alike (bar: within 5 %). A network whose figures
are in OUT is not measured again, so an interrupted run goes on. It leaves OUT/NETWORK/, ``runtimes.json``, ``runtimes.md`` and
``runtimes.png``. ``RUNTIMES_SMALL=1`` tries the script itself with small pictures and few rounds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import networks
import numpy as np
from bare import LOOPS

import thimble
from thimble.core.sampling import Sampling
from thimble.core.subject import Subject
from thimble.decide.runtimes import runtime_rows
from thimble.devices.process import Worker, named_inputs
from thimble.devices.processor import cores_for
from thimble.engine.store import Store
from thimble.report._runtimes import plot_runtimes
from thimble.search.jobs import subject_of

THREADS = (1,) if networks.SMALL else (1, 2)
ROUNDS = 6 if networks.SMALL else 25
TURNS = 8 if networks.SMALL else 30
SLICE_MS = 30.0


def measured(name: str, out: Path) -> dict[str, Any]:
    """The rows of a network, and the comparisons with bare loops; from the file where it is there."""
    kept = out / name / "figures.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    began, data = time.monotonic(), networks.samples(name, out)
    options = thimble.CompareRuntimes(
        model=f"{Path(networks.__file__)}:{name}",
        data=f"npz:{data}",
        threads=THREADS,
        sampling=Sampling(rounds=ROUNDS),
        out=out / name,
    )
    studies = thimble.compare_runtimes(options, lambda event: print(f"\r{name}: {100 * event.done:3.0f} % {event.what:60.60}", end=""))
    print()
    figures = {
        "network": name,
        "rows": [_plain(row) for row in runtime_rows(studies)],
        "bare": [one for study in studies for one in _beside_bare_loops(study, data)],
        "environment": {"processor": studies[0].environment.processor, "versions": dict(studies[0].environment.versions)},
        "seconds": round(time.monotonic() - began),
    }
    kept.write_text(json.dumps(figures, indent=1))
    plot_runtimes(runtime_rows(studies), out / name / "runtimes.png")
    return figures


def _plain(row: Any) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in ("name", "runtime", "recipe", "threads", "reason", "precision", "size_mb", "sqnr_db")}
    for name in ("p50_ms", "speedup"):
        one = getattr(row, name)
        found[name] = [one.value, one.low, one.high] if one else None
    return found


def _beside_bare_loops(study: Any, data: Path) -> list[dict[str, Any]]:
    """For each runtime that has a bare loop, its FP32 form and its smallest: Thimble's worker and the loop in turns."""
    done: list[dict[str, Any]] = []
    for runtime in LOOPS:
        able = [one for one in study.candidates if one.ok and one.runtime == runtime and one.artifact]
        picked = {one.name: one for one in (able[:1] + sorted(able, key=lambda one: one.artifact.bytes)[:1])}
        for name in picked:
            subject = subject_of(study, name)
            done.append({"name": name, "runtime": runtime, "threads": study.threads} | _in_turns(subject, data))
    return done


def _in_turns(subject: Subject, data: Path) -> dict[str, Any]:
    with np.load(data) as held:
        inputs = named_inputs({"x": held["x"][:1]}, subject.artifact)
    with tempfile.TemporaryDirectory() as folder, Worker(subject) as worker:
        np.savez(Path(folder) / "inputs.npz", **inputs)
        worker.bind(inputs)
        ms = statistics.median(worker.time(20))
        count = max(1, round(SLICE_MS / ms))
        path = str((Store().root / subject.folder / subject.artifact.main).resolve())
        command = [sys.executable, str(Path(__file__).with_name("bare.py")), subject.runtime, path, str(subject.threads)]
        with subprocess.Popen([*command, f"{folder}/inputs.npz"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as loop:
            assert loop.stdin
            assert loop.stdout
            os.sched_setaffinity(loop.pid, cores_for(subject.threads))
            assert loop.stdout.readline().strip() == "ready"
            ratios = []
            for turn in range(TURNS):
                spent: dict[str, float] = {}
                for who in ("worker", "loop") if turn % 2 else ("loop", "worker"):
                    time.sleep(0.02)  # pools of threads that spin fall asleep
                    if who == "worker":
                        spent[who] = statistics.median(worker.time(count))
                    else:
                        loop.stdin.write(f"{count}\n")
                        loop.stdin.flush()
                        spent[who] = float(loop.stdout.readline())
                ratios.append(spent["worker"] / spent["loop"])
            loop.stdin.close()
    ordered = sorted(ratios)
    return {"ms": ms, "ratio": statistics.median(ratios), "middle_half": [ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]]}


def table(every: list[dict[str, Any]]) -> list[str]:
    """The table for the documentation: fastest first, a part for each network and number of threads; then the bare loops."""
    lines = []
    for figures in every:
        for threads in THREADS:
            rows = [row for row in figures["rows"] if row["threads"] == threads and row["p50_ms"]]
            lines += ["", f"**{figures['network']}**, {threads} thread{'s' if threads > 1 else ''}", ""]
            lines += ["| what runs | ms | times as fast | MB | SQNR, dB | computes in |", "| --- | ---: | ---: | ---: | ---: | --- |"]
            for row in sorted(rows, key=lambda row: row["p50_ms"][0]):
                speed = "{:.2f} ({:.2f}-{:.2f})".format(*row["speedup"]) if row["speedup"] else ""
                sqnr = f"{row['sqnr_db']:.1f}" if row["sqnr_db"] is not None else ""
                cells = (f"`{row['name']}`", f"{row['p50_ms'][0]:.3g}", speed, f"{row['size_mb']:.3g}", sqnr, row["precision"])
                lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| beside a bare loop | runtime | threads | Thimble's, of the loop's | middle half |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for figures in every:
        for one in figures["bare"]:
            low, high = one["middle_half"]
            name = f"{figures['network']} {one['name']}"
            lines.append(f"| {name} | {one['runtime']} | {one['threads']} | {one['ratio']:.3f} | {low:.3f}-{high:.3f} |")
    return lines


def main(arguments: list[str]) -> int:
    out = Path(arguments[0])
    out.mkdir(parents=True, exist_ok=True)
    every = [measured(name, out) for name in (arguments[1:] or networks.SHAPES)]
    (out / "runtimes.json").write_text(json.dumps(every, indent=1))
    (out / "runtimes.md").write_text("\n".join(table(every)) + "\n")
    print("\n".join(table(every)))
    worst = max((abs(one["ratio"] - 1) for figures in every for one in figures["bare"]), default=0.0)
    print(f"\nlargest difference from a bare loop: {100 * worst:.1f} % (bar: 5 %); {sum(figures['seconds'] for figures in every)} s in all")
    return 0 if worst <= 0.05 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
