"""A measuring run: interleaved rounds, their conditions, and what is odd about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from thimble.core.bounds import Amount, Count, Positive, Several, Share

ENOUGH_QUIET = 5
"""Quiet rounds that a figure needs, where other programs disturbed a run."""


@dataclass(frozen=True)
class Environment:
    """The conditions of a measurement that must match before two of them are compared."""

    machine: str
    processor: str
    features: tuple[str, ...]
    cores: Count
    memory_mb: Count
    system: str
    python: str
    governor: str
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def comparable(self) -> tuple[Any, ...]:
        """What has to be equal for absolute times to be comparable."""
        return (self.processor, self.features, self.cores, self.system, self.governor)


@dataclass(frozen=True)
class Round:
    """One interleaved round: every member in a random order, each with the times of a few inferences.

    ``samples_ms`` is milliseconds by member. ``others_load`` is the share of the members' cores (0 to 1) that other
    processes used; ``at_s`` seconds since the run began; ``clock_mhz`` the processor's clock where it can be read.
    ``opening`` counts how often the members' processes had been opened before; rounds of one opening share processes.

    ``samples_ms`` has no times in which a thread waited for a core that another program held: ``disturbed`` is how many were left
    out, by member. A member without enough others is absent. ``stolen`` is the share of all cores that other virtual machines took,
    ``cores`` how many cores each member kept busy.
    """

    order: tuple[str, ...]
    samples_ms: dict[str, tuple[Positive, ...]]
    at_s: Amount
    others_load: Share | None = None
    clock_mhz: Amount | None = None
    opening: Count = 0
    disturbed: dict[str, Count] = field(default_factory=dict)
    stolen: Share | None = None
    cores: dict[str, Amount] = field(default_factory=dict)


@dataclass(frozen=True)
class Advice:
    """A warning about a measurement, with what to do about it. ``code`` is stable; ``member`` names a candidate."""

    code: str
    text: str
    member: str | None = None


@dataclass(frozen=True)
class Run:
    """One measuring run: members measured together, round by round; only they may be paired with each other.

    ``reference`` is the member that ratios are against. ``shortlist`` says that this is the closing joint run
    whose ratios are reported.
    """

    id: str
    members: tuple[str, ...]
    reference: str
    seed: Count
    threads: Several
    batch: Several
    rounds: tuple[Round, ...]
    environment: Environment
    warnings: tuple[Advice, ...] = ()
    warmup_ms: dict[str, tuple[Amount, ...]] = field(default_factory=dict)
    started: str = ""

    def times(self, *names: str) -> list[Round]:
        """The rounds that hold all of these members; none where others disturbed the run and too few are quiet."""
        found = [turn for turn in self.rounds if all(turn.samples_ms.get(name) for name in names)]
        return found if len(found) >= ENOUGH_QUIET or not any(turn.disturbed for turn in self.rounds) else []
