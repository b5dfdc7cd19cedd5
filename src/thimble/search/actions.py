"""What a policy can ask for, and what a policy is: the loop of `thimble.study.run` does nothing of its own accord."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from thimble.core.job import Job
from thimble.core.study import Candidate, Study


@dataclass(frozen=True)
class Try:
    """Have a job done."""

    job: Job


@dataclass(frozen=True)
class Drop:
    """Candidates that go no further, with the status and the reason that they get."""

    names: tuple[str, ...]
    status: str
    reason: str


@dataclass(frozen=True)
class Add:
    """One more candidate, behind another one."""

    candidate: Candidate
    after: str


@dataclass(frozen=True)
class Choose:
    """What would be shipped as far as is known."""

    name: str | None


@dataclass(frozen=True)
class Test:
    """The candidates that the test split is opened for, in their order: the second one where the first is not confirmed."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Shorten:
    """Score only the first samples of a split from now on, all candidates alike."""

    split: str
    samples: int


@dataclass(frozen=True)
class End:
    """Nothing more is tried, and why."""

    why: str


@dataclass(frozen=True)
class Finish:
    """Nothing is left to do."""


Action = Try | Drop | Add | Choose | Test | Shorten | End | Finish


@dataclass(frozen=True)
class Budget:
    """The time budget as a policy sees it: ``seconds`` in all and ``left``, both ``None`` without a limit.

    ``running`` counts jobs that are not done yet, ``doing`` names their candidates: what these jobs will tell is unknown, and nothing that
    depends on it can be decided. A policy is asked while jobs run only where there is room for another one. ``stretch`` is how many
    times as long as its processor time something takes now: more than 1 where others use the machine. ``opening_s`` is what starting a
    process and opening an artifact takes. ``known`` says whether a job's result is there from an earlier start.
    """

    seconds: float | None = None
    left: float | None = None
    running: int = 0
    stretch: float = 1.0
    opening_s: float = 0.0
    known: Callable[[Job], bool] = lambda job: False
    doing: frozenset[str] = frozenset()


class Policy(Protocol):
    """Decides what a study does next, from what is known, and from nothing else."""

    def propose(self, study: Study, budget: Budget) -> tuple[Action, ...]:
        """What to do now; nothing, to wait for what is running. Pure: the same study and budget give the same actions."""
        ...
