"""A run long enough to heat a device: one artifact without a pause, and how its latency changes."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from thimble.core.errors import BadInput
from thimble.core.registry import RUNTIMES
from thimble.core.step import Progress, silent
from thimble.core.study import Round, Run
from thimble.core.subject import Subject
from thimble.core.values import digest_of
from thimble.devices import environment_of, reserve, start
from thimble.measure.conditions import condition_warnings
from thimble.measure.rounds import LoadOfOthers

if TYPE_CHECKING:
    from thimble.core.task import Arrays

ROUND_S = 0.5
KEPT = 40
"""Samples kept of each round, evenly spread: a minute of a fast network has hundreds of thousands."""


@dataclass(frozen=True)
class Sustained:
    """The median latency in ms at the start and at the end, over ``span_s`` seconds each, and their ratio less 1."""

    first_ms: float
    last_ms: float
    span_s: float

    @property
    def change(self) -> float:
        """0.2 for a fifth slower at the end."""
        return self.last_ms / self.first_ms - 1


def measure_sustained(subject: Subject, inputs: Arrays, seconds: float, progress: Progress = silent) -> Run:
    """Infer without a pause for so many seconds; a run of one member, its rounds half a second long.

    There is no warm-up and no waiting: the first round is the processor as it was found.
    """
    from thimble.stats import diagnose

    if not seconds > 0:
        raise BadInput(f"seconds is {seconds}; it must be above 0")
    rounds: list[Round] = []
    started = datetime.now(UTC)
    with reserve(subject.device), start(subject) as worker:
        worker.bind(inputs)
        worker.time(2)
        usual_ms = statistics.fmean(worker.time(3))
        began = time.monotonic()
        while (at_s := time.monotonic() - began) < seconds:
            load = LoadOfOthers(worker.machine, [worker.pid])
            kept = tuple(worker.time(max(1, round(ROUND_S * 1000 / max(usual_ms, 1e-3))), keep=KEPT))
            usual_ms = statistics.fmean(kept)  # the mean, since a disturbed machine's median would make rounds of many seconds
            rounds.append(Round((subject.name,), {subject.name: kept}, at_s, load.share(), worker.machine.clock_mhz()))
            progress(min(1.0, at_s / seconds), f"{subject.name}: without a pause")
    found = environment_of([RUNTIMES.get(subject.runtime).distribution], subject.device)
    odd = diagnose([turn.samples_ms[subject.name] for turn in rounds], subject.name)
    return Run(
        id=f"{started:%Y%m%d-%H%M%S}-{digest_of(time.time_ns(), subject.name)[:6]}",
        members=(subject.name,),
        reference=subject.name,
        seed=0,
        threads=subject.threads,
        batch=len(next(iter(inputs.values()))),
        rounds=tuple(rounds),
        environment=found,
        warnings=(*condition_warnings(rounds, found, subject.threads), *odd),
        started=started.isoformat(timespec="seconds"),
    )


def first_and_last(run: Run, name: str) -> Sustained:
    """The first minute against the last; of a run shorter than three minutes, its first third against its last."""
    rounds = [turn for turn in run.rounds if name in turn.samples_ms]
    start_s, end_s = rounds[0].at_s, rounds[-1].at_s
    span_s = min(60.0, (end_s - start_s) / 3)
    first = [ms for turn in rounds if turn.at_s <= start_s + span_s for ms in turn.samples_ms[name]]
    last = [ms for turn in rounds if turn.at_s >= end_s - span_s for ms in turn.samples_ms[name]]
    return Sustained(statistics.median(first), statistics.median(last), span_s)
