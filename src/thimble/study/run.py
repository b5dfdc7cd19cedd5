"""The loop of every study: ask the policy, submit, record, save, tell. Commands differ in their policy, machines in their engine."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Protocol

from thimble.core.job import Engine, Job, Outcome
from thimble.core.step import Progress
from thimble.core.study import Study
from thimble.search.actions import Budget, Finish, Policy, Try
from thimble.study.record import decided, record
from thimble.study.telling import Event, Listen, doing, news

STRETCH_S, STRETCH_AGAIN_S = 0.06, 5.0
"""Processor time that is used to see how slow the machine is, several of the system's time slices; and how long that is believed."""


class Keeping(Protocol):
    """Where a study is kept while it is carried out."""

    def placed(self, outcome: Outcome) -> Outcome:
        """The outcome with its files where they are to stay."""
        ...

    def save(self, study: Study) -> None:
        """Keep what is known."""
        ...


@dataclass
class Clock:
    """A time budget in seconds, from now on; ``None`` is no limit."""

    seconds: float | None = None
    begun: float = field(default_factory=time.monotonic)
    _stretch: tuple[float, float] = (-STRETCH_AGAIN_S, 1.0)

    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.begun

    def budget(self, engine: Engine) -> Budget:
        """What a policy may know of time."""
        left = None if self.seconds is None else self.seconds - self.spent()
        return Budget(self.seconds, left, engine.running(), self._stretched(), engine.opening_s(), engine.known, engine.doing())

    def _stretched(self) -> float:
        if self.seconds is not None and self.spent() - self._stretch[0] > STRETCH_AGAIN_S:
            self._stretch = (self.spent(), stretch())
        return self._stretch[1]


def stretch() -> float:
    """How many times as long as its processor time something takes here now: more than 1 where others use the machine too."""
    began, used = time.monotonic(), time.process_time()
    while (spent := time.process_time() - used) < STRETCH_S:
        pass
    return max(1.0, (time.monotonic() - began) / spent)


def run(study: Study, policy: Policy, engine: Engine, keeping: Keeping, clock: Clock, listen: Listen) -> Study:
    """Carry a study out and return it, complete; it is kept after each job, so that whatever ends the work, what is known is there.

    Raises what makes the whole impossible (`record`); `KeyboardInterrupt` passes through.
    """
    done = 0.0

    def so_far(more: float = 0.0) -> float:
        """The share of the time budget, which a search may use up whatever it finds to do; without one, that of the work that is known."""
        return min(1.0, clock.spent() / clock.seconds if clock.seconds else done + more)

    def tell(job: Job) -> Progress:
        return lambda part, words: listen(Event(so_far(part * job.share), doing(job, words)))

    def become(changed: Study) -> Study:
        for text in news(study, changed):
            listen(Event(so_far(), "", text))
        for gone in (candidate for candidate in changed.candidates if candidate.reason and not candidate.ok):
            engine.cancel(gone.name)
        changed = replace(changed, seconds=round(clock.spent(), 1))
        keeping.save(changed)
        return changed

    while True:
        actions = policy.propose(study, clock.budget(engine)) if engine.room() else ()
        for action in actions:
            if isinstance(action, Finish):
                return become(replace(study, complete=True))
            if isinstance(action, Try):
                engine.submit(action.job)
            else:
                study = become(decided(study, action))
        if actions:
            continue
        assert engine.running(), "the policy asks for nothing, and nothing is running"
        outcome = keeping.placed(engine.wait(tell))
        for text in outcome.notes:
            listen(Event(so_far(), "", text))
        done += outcome.job.share
        study = become(record(study, outcome))
