"""The lab's policy: every candidate is built, measured and tested, whatever the others gave; the table is the purpose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from thimble.core.job import Open
from thimble.core.sampling import Sampling
from thimble.core.step import Step
from thimble.core.study import Candidate, Study
from thimble.decide.choose import choose
from thimble.search import jobs
from thimble.search.actions import Action, Budget, Choose, Finish
from thimble.search.recipes import recipe_of, waits

BUILDING, OBSERVING, TIMING, TESTING = 0.55, 0.2, 0.2, 0.05
"""About how much of the whole work each part is."""
PER_EPOCH, PER_STEP = 8.0, 3.0
"""Rough seconds an epoch of training takes in the lab, and any other step: they weigh the progress bar, and nothing else."""
EXAMINED = 6
"""Candidates that are looked into for causes, at most."""


@dataclass(frozen=True)
class LabPolicy:
    """Try everything, in order. ``prefix`` trains the baseline; ``sampling`` is the closing run's.

    ``test_all`` scores every candidate on the test split, once the choice is made; else only the baseline and the chosen one are.
    """

    sampling: Sampling = field(default_factory=Sampling)
    prefix: tuple[Step, ...] = ()
    test_all: bool = True

    def propose(self, study: Study, budget: Budget) -> tuple[Action, ...]:
        """Return the next thing to do."""
        return next(self._steps(study, budget))

    def _steps(self, study: Study, budget: Budget) -> Iterator[tuple[Action, ...]]:
        """Yield what is still to do, in order: only the first of it is asked for."""
        first, names = study.candidates[0].name, jobs.ready(study)
        if first in budget.doing:
            yield ()  # all others are built and compared with it
        if not study.opened:
            yield jobs.trying(Open(candidate=first))
        if budget.running:
            yield from self._observing(study, budget, names)  # a device that measures one at a time begins as early as it can
        for candidate in filter(waits, study.candidates):
            if candidate.name not in budget.doing:
                yield jobs.trying(jobs.apply(study, candidate.name), BUILDING * self._share(study, candidate))
        yield from self._observing(study, budget, names)
        if budget.running:
            yield ()
        if study.joint_run is None:
            yield jobs.trying(jobs.timing(study, jobs.timed(study), self.sampling, joint=True), TIMING)
        if (best := choose(study)) != study.chosen:
            yield (Choose(best),)
        tested = names if self.test_all else [name for name in names if name in (first, study.chosen)]
        for name in tested:
            if "test" in study.task.splits and "test" not in study.candidate(name).quality:
                yield jobs.trying(jobs.score(study, name, "test"), TESTING / len(tested))
        if examination := jobs.examination(study, EXAMINED):
            yield jobs.trying(examination)
        yield (Finish(),)

    def _observing(self, study: Study, budget: Budget, names: list[str]) -> Iterator[tuple[Action, ...]]:
        count = sum(candidate.ok or waits(candidate) for candidate in study.candidates)
        for name in names:
            if name not in budget.doing:
                yield from self._observed(study, name, OBSERVING / count)

    def _observed(self, study: Study, name: str, share: float) -> Iterator[tuple[Action, ...]]:
        if look := jobs.first_look(study, name):
            yield jobs.trying(look, share / 4)
        if "validation" not in study.candidate(name).quality:
            ahead = ("test",) if self.test_all and "test" in study.task.splits else ()
            yield jobs.trying(replace(jobs.score(study, name, "validation"), ahead=ahead), share / 2)

    def _share(self, study: Study, candidate: Candidate) -> float:
        """Return about what part of all the building a candidate is."""
        costs = {c.name: self._cost(c, first=c is study.candidates[0]) for c in study.candidates}
        return costs[candidate.name] / sum(costs.values())

    def _cost(self, candidate: Candidate, first: bool) -> float:
        steps = (*(self.prefix if first else ()), *recipe_of(candidate).steps)
        return PER_STEP + sum(PER_EPOCH * getattr(step, "epochs", 0) + PER_STEP for step in steps)
