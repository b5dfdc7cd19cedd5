"""One interleaved round: every member in turn, each on a quiet processor, with what else the machine was doing."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from thimble.core.errors import ThimbleError
from thimble.core.study import Advice, Round
from thimble.core.subject import Subject
from thimble.devices.machine import Machine
from thimble.devices.process import Slice, Worker

SLICE_MS = 60.0
"""How long one member measures in one round, unless one inference takes longer."""

SLICE_SAMPLES = 40
"""The most inferences of one member in one round."""

FEWEST = 3
"""Quiet inferences that a slice needs, where it has so many at all."""

NEIGHBOUR = 0.1
"""Share of the members' cores that other programs may take in a round before all of it counts as disturbed."""

STOLEN = 0.05
"""Share of all cores that other virtual machines may take in a round before all of it counts as disturbed."""

ANY_LOAD = "THIMBLE_ANY_LOAD"
"""The environment's word that times are not looked at."""

SETTLE_MS = 5.0
"""Untimed inferences that open a slice: the neighbours took the caches."""


@dataclass
class Member:
    """One artifact in a run: its worker, and how many inferences make a slice."""

    subject: Subject
    worker: Worker
    count: int = 1

    @property
    def name(self) -> str:
        """The subject's name."""
        return self.subject.name

    def fit_slice(self, samples_ms: Sequence[float]) -> int:
        """Set and return how many inferences fill a slice, given what recent ones took."""
        self.count = max(1, min(SLICE_SAMPLES, round(SLICE_MS / max(1e-6, statistics.median(samples_ms)))))
        return self.count


@dataclass
class Record:
    """What a run has gathered so far; ``failed`` names the members that dropped out, ``openings`` counts openings."""

    started_s: float = field(default_factory=time.monotonic)
    openings: int = 0
    rounds: list[Round] = field(default_factory=list)
    warnings: list[Advice] = field(default_factory=list)
    warmup_ms: dict[str, tuple[float, ...]] = field(default_factory=dict)
    failed: dict[str, ThimbleError] = field(default_factory=dict)

    def warn(self, advice: Advice) -> None:
        """Something is odd; said once, however often it happens."""
        if advice not in self.warnings:
            self.warnings.append(advice)

    def fail(self, name: str, error: ThimbleError) -> None:
        """Remove a failed member; the run continues."""
        self.failed[name] = error
        self.warnings.append(Advice("member-failed", str(error), name))


def take_round(order: Sequence[Member], record: Record) -> None:
    """Measure one slice of every member in this order, and append the round to the record, without what others disturbed."""
    at_s = time.monotonic() - record.started_s
    machine = order[0].worker.machine
    load = LoadOfOthers(machine, [member.worker.pid for member in order], max(member.subject.threads for member in order))
    slices: dict[str, Slice] = {}
    for member in order:
        try:
            slices[member.name] = member.worker.time_told(member.count, SETTLE_MS)
            machine.wait_until_idle(member.worker.pid)
        except ThimbleError as error:
            record.fail(member.name, error)
    share, stolen = load.share(), load.stolen()
    samples = {name: kept for name, one in slices.items() if (kept := undisturbed(one, share, stolen))}
    left = {name: len(one.samples_ms) - len(samples.get(name, ())) for name, one in slices.items()}
    disturbed = {name: count for name, count in left.items() if count}
    cores = {name: one.cores for name, one in slices.items() if one.cores}
    clock = machine.clock_mhz()
    record.rounds.append(Round(tuple(samples), samples, at_s, share, clock, record.openings - 1, disturbed, stolen, cores))


def undisturbed(taken: Slice, others_load: float | None, stolen: float | None) -> tuple[float, ...]:
    """The times that no other program disturbed; empty where too few are left.

    Left out are inferences in which a thread waited for a core, and whole slices beside a neighbour: it shares caches and, on a
    second hardware thread, the core itself, and threads that meet at barriers take another rhythm. Where the environment sets
    `ANY_LOAD`, all of them count: for runs whose times nobody looks at, such as tests beside other tests.
    """
    if os.environ.get(ANY_LOAD):
        return tuple(taken.samples_ms)
    if (stolen or 0.0) > STOLEN or (others_load or 0.0) > NEIGHBOUR:
        return ()
    kept = tuple(ms for ms, fine in zip(taken.samples_ms, taken.quiet, strict=True) if fine)
    return kept if len(kept) >= min(FEWEST, len(taken.samples_ms)) else ()


class LoadOfOthers:
    """The share of some cores and their neighbours that processes other than ours use, from its making to `share`.

    ``threads`` says which cores: those that so many threads are pinned to, else all.
    """

    def __init__(self, machine: Machine, pids: Sequence[int], threads: int | None = None) -> None:
        self.machine, self.pids, self.cores = machine, pids, machine.watched(threads)
        self.started_s, self.before = time.monotonic(), machine.load(pids, self.cores)

    def stolen(self) -> float | None:
        """The share that other virtual machines took, from 0 to 1; ``None`` where the system doesn't tell."""
        now, seconds = self.machine.load(self.pids, self.cores), time.monotonic() - self.started_s
        if now.stolen is None or self.before.stolen is None:
            return None
        return round(min(1.0, (now.stolen - self.before.stolen) / now.all_cores / seconds), 4)

    def share(self) -> float | None:
        """From 0 to 1; ``None`` where the system doesn't tell."""
        now, seconds = self.machine.load(self.pids, self.cores), time.monotonic() - self.started_s
        if now.busy is None or self.before.busy is None:
            return None
        others = (now.busy - self.before.busy) - (now.ours - self.before.ours)
        return round(min(1.0, max(0.0, others / len(self.cores) / seconds)), 4)
