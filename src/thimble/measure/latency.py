"""Latency of a few artifacts in one interleaved run, so that whatever the machine does hits all of them alike."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from thimble.core.errors import BadInput, ThimbleError
from thimble.core.registry import RUNTIMES
from thimble.core.sampling import Sampling
from thimble.core.step import Progress, silent
from thimble.core.study import Advice, Environment, Round, Run
from thimble.core.subject import Subject
from thimble.core.values import digest_of
from thimble.devices import environment_of, machine_of, reserve, start
from thimble.devices.placement import small_pieces_held
from thimble.devices.process import Worker
from thimble.measure.conditions import condition_warnings
from thimble.measure.rounds import Member, Record, take_round

if TYPE_CHECKING:
    from thimble.core.task import Arrays

DEFAULT_ROUNDS = 25
MIN_ROUNDS = 5
REOPEN_ROUNDS = 8
"""Rounds after which processes are opened anew where that is allowed: it is worth more than further rounds of the same processes."""
MIN_WARMUP = 10
"""Fewer inferences than these show no steadiness."""

MEMORY_RESERVE = 0.2
"""Share of the memory available at the start that the members of one group leave free."""


def measure_latency(
    subjects: Sequence[Subject],
    inputs: Arrays,
    sampling: Sampling,
    progress: Progress = silent,
    workers: Mapping[str, Worker] | None = None,
) -> Run:
    """Measure all subjects with the same inputs in interleaved rounds; the first one is the reference.

    Each member has a process of its own, pinned to the same cores. Members that don't fit in memory together are
    measured in groups, each with the reference; a round holds the members of one group. A member that fails is
    left out and told in a warning ``member-failed``; only a reference that fails raises `RuntimeFailed`.
    ``workers`` are processes by subject's name that are open already; they are used, and stay open.
    """
    _check(subjects)
    started = datetime.now(UTC)
    with reserve(subjects[0].device):
        running = _Running(subjects, inputs, sampling, progress)
        running.workers = dict(workers or {})
        while running.waiting or not running.record.rounds:
            running.measure_group()
        conditions = environment_of({RUNTIMES.get(subject.runtime).distribution for subject in subjects}, subjects[0].device)
    return _run_of(running, conditions, started)


def _check(subjects: Sequence[Subject]) -> None:
    if not subjects:
        raise BadInput("nothing to measure: give at least one artifact")
    names = [subject.name for subject in subjects]
    if len(set(names)) < len(names):
        raise BadInput(f"members of one run need different names, got {', '.join(names)}")
    if len({subject.threads for subject in subjects}) > 1:
        raise BadInput("members of one run need equal threads; measure other thread counts in a run of their own")


class _Running:
    """A run in progress: who still waits to be opened, and what has been gathered."""

    def __init__(self, subjects: Sequence[Subject], inputs: Arrays, sampling: Sampling, progress: Progress) -> None:
        self.subjects, self.inputs, self.sampling, self.progress = subjects, inputs, sampling, progress
        self.reference, self.waiting = subjects[0], list(subjects[1:])
        self.record, self.done, self.told, self.wanted = Record(), 0.0, 0.0, 0
        self.random = random.Random(sampling.seed)
        self.workers: dict[str, Worker] = {}
        self.machine = machine_of(subjects[0].device)

    def measure_group(self) -> None:
        """Open some of those who wait and measure them, until there are enough rounds; opened anew on the way where that is asked."""
        first, subjects, part = len(self.record.rounds), None, 0.0
        while part < 1:
            with ExitStack() as stack:
                opening = time.monotonic()
                with nullcontext() if self.workers or not self.machine.local else small_pieces_held():
                    group = self._open_anew(subjects, stack) if subjects else self._open_group(stack)
                self.record.openings += 1
                began = time.monotonic()
                if subjects is None:
                    subjects, started, self.wanted = [member.subject for member in group], began, 0
                part = self._measure(group, first, started, began - opening)
        self.done = self.told = self.done + self._share(group)

    def _open_group(self, stack: ExitStack) -> list[Member]:
        """The reference and as many waiting subjects as memory allows, at least one; opened, warm and quiet."""
        cores = self.machine.cores()
        before_mb = self.machine.available_memory_mb()
        group = self._open([self.reference], stack)
        self._raise_if_gone()
        while self.waiting and (len(group) == 1 or _room(group, cores, before_mb)):
            some, self.waiting = self.waiting[:cores], self.waiting[cores:]
            group += self._open(some, stack)
        return group

    def _open_anew(self, subjects: list[Subject], stack: ExitStack) -> list[Member]:
        """Those that are left of a group, in fresh processes, opened in a random order: who comes first is no longer always the same."""
        alive = [subject for subject in subjects if subject.name not in self.record.failed]
        drawn, cores = self.random.sample(alive, len(alive)), self.machine.cores()
        found = [member for start in range(0, len(drawn), cores) for member in self._open(drawn[start : start + cores], stack)]
        self._raise_if_gone()
        return sorted(found, key=lambda member: alive.index(member.subject))

    def _raise_if_gone(self) -> None:
        if self.reference.name in self.record.failed:
            raise self.record.failed[self.reference.name]

    def _open(self, subjects: list[Subject], stack: ExitStack) -> list[Member]:
        """Open these together, since most of that is importing; then warm them up one by one."""
        members = [Member(subject, self.workers.get(subject.name) or start(subject)) for subject in subjects]
        for member in members:
            if member.name not in self.workers:
                stack.callback(member.worker.close)
        with ThreadPoolExecutor(len(members)) as pool:
            opened = list(pool.map(self._succeeds, members, [lambda member: member.worker.open()] * len(members)))
        return [member for member, fine in zip(members, opened, strict=True) if fine and self._succeeds(member, self._warm)]

    def _succeeds(self, member: Member, action: Callable[[Member], object]) -> bool:
        try:
            action(member)
        except ThimbleError as error:
            self.record.fail(member.name, error)
            return False
        return True

    def _warm(self, member: Member) -> None:
        """Run until the running median is steady, and find how many inferences make a slice."""
        from thimble.stats import steady

        self.progress(self.told, f"warming up {member.name}")
        member.worker.bind(self.inputs)
        first = member.worker.time_told(2)
        samples, calm = first.samples_ms, first.quiet
        until = time.monotonic() + self.sampling.warmup_s
        while not (warm := len(samples) >= MIN_WARMUP and steady(samples)) and time.monotonic() < until:
            more = member.worker.time_told(member.fit_slice(_usual(samples[-3:], calm[-3:])))
            samples, calm = samples + more.samples_ms, calm + more.quiet
        if not warm:
            text = f"latency was not steady after {self.sampling.warmup_s:g} s of warm-up; close other programs, or allow a longer warm-up"
            self.record.warn(Advice("not-steady", text, member.name))
        member.fit_slice(_usual(samples[-20:], calm[-20:]))
        self.record.warmup_ms.setdefault(member.name, tuple(samples))
        self.machine.wait_until_idle(member.worker.pid)

    def _measure(self, group: list[Member], first: int, started: float, opening_s: float) -> float:
        """Rounds, each in a new random order, until there are enough or it is time to open anew; says what part is done.

        ``first`` is the group's first round, ``started`` when it began, ``opening_s`` what opening it took this time.
        """
        share, began, before = self._share(group), time.monotonic(), len(self.record.rounds)
        while (part := self._part(group, self.record.rounds[first:], (time.monotonic() - started) / share)) < 1:
            done, spent = len(self.record.rounds) - first, len(self.record.rounds) - before
            left = done / part - done if part else REOPEN_ROUNDS
            if self.may_reopen and min(spent, 2 * left) >= REOPEN_ROUNDS and time.monotonic() - began >= opening_s:
                break  # these processes have told what they can, and others have time to tell as much
            self.told = self.done + share * part
            self.progress(self.told, f"rounds of {len(group)} artifacts" if len(group) > 1 else "rounds")
            alive = [member for member in group if member.name not in self.record.failed]
            take_round(self.random.sample(alive, len(alive)), self.record)
            self._raise_if_gone()
        return part

    @property
    def may_reopen(self) -> bool:
        """Return whether processes may be opened anew during the run."""
        return self.sampling.reopen and not self.workers  # those that were handed in stay as they are

    def _share(self, group: list[Member]) -> float:
        return max(1, len(group) - 1) / max(1, len(self.subjects) - 1)

    def _part(self, group: list[Member], rounds: list[Round], seconds: float) -> float:
        """How far this group is, 1 or more where it is done; ``seconds`` is what a whole run would have taken at this pace."""
        asked, names = self.sampling, [member.name for member in group if member.name not in self.record.failed]
        quiet = [turn for turn in rounds if all(name in turn.samples_ms for name in names)]
        n = max(len(quiet), len(rounds) / (asked.patience if quiet else 1.0))
        if asked.rounds is not None:
            return n / asked.rounds
        if n < MIN_ROUNDS and len(rounds) < MIN_ROUNDS:
            return 0.0
        if asked.precision is not None:
            if len(quiet) >= self.wanted and quiet:
                self.wanted = self._wanted(group, quiet, asked.precision)
            return max(seconds / (asked.seconds or asked.longest_s), n / max(1, self.wanted))
        return n / DEFAULT_ROUNDS if asked.seconds is None else seconds / asked.seconds

    def _wanted(self, group: list[Member], rounds: list[Round], precision: float) -> int:
        """How many rounds the least certain member of the group needs."""
        from thimble.stats import rounds_wanted

        reference = [turn.samples_ms[self.reference.name] for turn in rounds]
        names = [member.name for member in group[1:] if member.name not in self.record.failed]
        if not names:
            return rounds_wanted(reference, None, precision, self.sampling.seed)
        openings = [turn.opening for turn in rounds] if self.may_reopen else None
        others = ([turn.samples_ms[name] for turn in rounds] for name in names)
        return max(rounds_wanted(reference, other, precision, self.sampling.seed, openings) for other in others)


def _usual(samples: Sequence[float], quiet: Sequence[bool]) -> list[float]:
    """What an inference takes: the quiet ones, else the quickest one, since others disturbed them all."""
    return [ms for ms, fine in zip(samples, quiet, strict=True) if fine] or [min(samples)]


def _together(rounds: Sequence[Round], name: str, reference: str) -> list[dict[str, tuple[float, ...]]]:
    """The times of the rounds that hold both members."""
    return [turn.samples_ms for turn in rounds if name in turn.samples_ms and reference in turn.samples_ms]


def _room(group: list[Member], more: int, before_mb: float | None) -> bool:
    """Return whether so many more members, each as large as the largest now, leave the reserve free."""
    free_mb = group[0].worker.machine.available_memory_mb()
    if free_mb is None or before_mb is None:
        return True
    largest_mb = max(member.worker.memory()[1] for member in group)
    return free_mb - more * largest_mb > MEMORY_RESERVE * before_mb


def _run_of(running: _Running, conditions: Environment, started: datetime) -> Run:
    """The run as it is stored, with its warnings."""
    from thimble.stats import diagnose

    record, sampling, reference = running.record, running.sampling, running.reference
    names = tuple(subject.name for subject in running.subjects)
    series = {name: [turn.samples_ms[name] for turn in record.rounds if name in turn.samples_ms] for name in names}
    paired = {name: [turn[name] for turn in _together(record.rounds, name, reference.name)] for name in names}
    odd = [advice for name in names if name not in record.failed for advice in diagnose(paired[name], name, *_asked(running, name))]
    return Run(
        id=f"{started:%Y%m%d-%H%M%S}-{digest_of(time.time_ns(), names)[:6]}",
        members=tuple(name for name in names if name not in record.failed or series[name]),
        reference=reference.name,
        seed=sampling.seed,
        threads=reference.threads,
        batch=sampling.batch,
        rounds=tuple(record.rounds),
        environment=conditions,
        warnings=(*record.warnings, *condition_warnings(record.rounds, conditions, reference.threads, names), *odd),
        warmup_ms=record.warmup_ms,
        started=started.isoformat(timespec="seconds"),
    )


def _asked(running: _Running, name: str) -> tuple[float | None, list[tuple[float, ...]] | None, list[int] | None]:
    """The precision asked of a member's interval, what the reference took in its rounds, and their openings.

    Of several members, speedups are asked for.
    """
    asked = running.sampling
    if name == running.reference.name:
        return (asked.precision if len(running.subjects) == 1 else None), None, None
    turns = [turn for turn in running.record.rounds if name in turn.samples_ms and running.reference.name in turn.samples_ms]
    openings = [turn.opening for turn in turns] if running.may_reopen else None
    return asked.precision, [turn.samples_ms[running.reference.name] for turn in turns], openings
