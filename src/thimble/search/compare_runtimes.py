"""The policy of comparing runtimes: everything is built, started and likened to the source, then all are timed together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from thimble.core.job import Observe, Open
from thimble.core.sampling import Sampling
from thimble.core.study import Candidate, Study
from thimble.search import jobs
from thimble.search.actions import Action, Budget, Finish
from thimble.search.recipes import candidate_of, waits
from thimble.search.routes import Route

BUILDING, OBSERVING, TIMING = 0.5, 0.3, 0.2
"""About how much of the whole work each part is."""


def candidates_of(routes: Sequence[Route]) -> tuple[Candidate, ...]:
    """Return a candidate for each route; one that lacks something has its reason, and is not tried."""
    return tuple(replace(candidate_of(route.recipe), reason=route.missing) for route in routes)


@dataclass(frozen=True)
class CompareRuntimesPolicy:
    """Try every candidate, whatever the others gave: the table is the purpose. Nothing is chosen."""

    sampling: Sampling = field(default_factory=Sampling)

    def propose(self, study: Study, budget: Budget) -> tuple[Action, ...]:
        """Return the next thing to do."""
        return () if budget.running else next(self._steps(study))

    def _steps(self, study: Study) -> Iterator[tuple[Action, ...]]:
        first, count = study.candidates[0].name, len(study.candidates)
        if not study.opened:
            yield jobs.trying(Open(candidate=first))
        for candidate in filter(waits, study.candidates):
            yield jobs.trying(jobs.apply(study, candidate.name), BUILDING / count)
        for name in jobs.ready(study):
            if look := jobs.first_look(study, name):
                yield jobs.trying(look, OBSERVING / count / 3)
            if name != first and not study.candidate(name).probes:
                seen = Observe(candidate=name, subject=jobs.subject_of(study, name), likened=jobs.subject_of(study, first))
                yield jobs.trying(seen, OBSERVING / count / 3)
        if study.joint_run is None:
            yield jobs.trying(jobs.timing(study, jobs.timed(study), self.sampling, joint=True), TIMING)
        yield (Finish(),)
