"""The policies of measuring and examining artifacts that are there already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from thimble.core.job import Examine, Observe, Open, Sustain
from thimble.core.sampling import Sampling
from thimble.core.study import Study
from thimble.search import jobs
from thimble.search.actions import Action, Budget, Finish


@dataclass(frozen=True)
class MeasurePolicy:
    """Look at each artifact alone, time all together, then each without a pause for ``sustained`` seconds."""

    sampling: Sampling = field(default_factory=Sampling)
    probes: tuple[str, ...] = ()
    throughput: bool = False
    sustained: float | None = None

    def propose(self, study: Study, budget: Budget) -> tuple[Action, ...]:
        """Return the next thing to do."""
        return () if budget.running else next(self._steps(study))

    def _steps(self, study: Study) -> Iterator[tuple[Action, ...]]:
        names = jobs.ready(study)
        if not study.opened:
            first = study.candidates[0].name
            yield jobs.trying(Open(candidate=first, subject=jobs.subject_of(study, first)))
        for name in names:
            yield from self._alone(study, name, 0.4 / len(names))
        if study.joint_run is None:
            yield jobs.trying(jobs.timing(study, names, self.sampling, joint=True), 0.4)
        for name in names if self.sustained else ():
            if not any(run.id != study.joint_run and run.members == (name,) for run in study.runs):
                yield jobs.trying(
                    Sustain(candidate=name, subject=jobs.subject_of(study, name), duration=self.sustained or 0.0), 0.2 / len(names)
                )
        yield (Finish(),)

    def _alone(self, study: Study, name: str, share: float) -> Iterator[tuple[Action, ...]]:
        candidate, first, labelled = study.candidate(name), study.candidates[0].name, bool(study.task.splits)
        if job := jobs.first_look(study, name):
            yield jobs.trying(job, share / 4)
        if labelled and "test" not in candidate.quality:
            yield jobs.trying(jobs.score(study, name, "test"), share / 4)
        if not candidate.probes:
            likened = None if labelled or name == first else jobs.subject_of(study, first)
            seen = Observe(
                candidate=name, subject=jobs.subject_of(study, name), probes=self.probes, throughput=self.throughput, likened=likened
            )
            yield jobs.trying(seen, share / 4)


@dataclass(frozen=True)
class DoctorPolicy:
    """Look into artifacts for causes: into the one that was named and its float form, or into a study's most disappointing ones."""

    rounds: int = 20
    patience_s: float = 20.0

    def propose(self, study: Study, budget: Budget) -> tuple[Action, ...]:
        """Return the next thing to do."""
        return () if budget.running else next(self._steps(study))

    def _steps(self, study: Study) -> Iterator[tuple[Action, ...]]:
        names = jobs.ready(study)
        for name in names:
            if job := jobs.first_look(study, name):
                yield jobs.trying(job, 0.1 / len(names))
            if "graph" not in study.candidate(name).probes:
                yield jobs.trying(self._examination(study, name), 0.6 / len(names))
        last = study.candidate(names[-1])
        if "remedies" not in last.probes:
            yield jobs.trying(Observe(candidate=last.name, subject=jobs.subject_of(study, last.name), probes=("remedies",)), 0.1)
        if len(names) > 1 and study.joint_run is None:
            yield jobs.trying(jobs.timing(study, names, Sampling(rounds=self.rounds), joint=True), 0.2)
        yield (Finish(),)

    def _examination(self, study: Study, name: str) -> Examine:
        first = study.candidates[0].name
        original = None if name == first else jobs.subject_of(study, first)
        return Examine(candidate=name, subject=jobs.subject_of(study, name), original=original, patience_s=self.patience_s)


@dataclass(frozen=True)
class ExaminePolicy:
    """Look into the most disappointing candidates of a study that was carried out, where that has not been done."""

    among: tuple[str, ...] = ()
    most: int = 6
    patience_s: float = 20.0

    def propose(self, study: Study, budget: Budget) -> tuple[Action, ...]:
        """Return the next thing to do."""
        if budget.running:
            return ()
        job = jobs.examination(study, self.most, self.among)
        return jobs.trying(replace(job, patience_s=self.patience_s), 1 / self.most) if job else (Finish(),)
