"""What becomes of a study when a job ends or a policy decides: each a pure function from a study to a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from thimble.core.errors import MissingExtra, NotApplicable, OutOfTime, RuntimeFailed, StepFailed
from thimble.core.job import Built, Examine, Job, Observed, Opened, Outcome, Score, Time
from thimble.core.study import Candidate, Cold, Quality, Run, Size, SplitInfo, Study
from thimble.core.task import beginning_fingerprint
from thimble.core.verdict import Status
from thimble.decide.samples import cut_short
from thimble.search.actions import Add, Choose, Drop, End, Shorten, Test

RECORDED = (StepFailed, RuntimeFailed, MissingExtra)
"""Errors that end a candidate and not the study."""


def record(study: Study, outcome: Outcome) -> Study:
    """Return the study with what became of a job.

    Raises the job's error where the study can't go on: the baseline's, a measuring run's, and those that no candidate causes.
    """
    if outcome.error is None:
        return _WITH[type(outcome.result)](study, outcome.job, outcome.result)
    job, error = outcome.job, outcome.error
    if isinstance(job, Examine) and isinstance(error, RECORDED):
        return _looked_at(study, job, Observed({"graph": {"not available": str(error)}}))
    if job.candidate == study.candidates[0].name or isinstance(job, Time) or not isinstance(error, RECORDED):
        raise error
    status = (
        Status.NOT_TRIED if isinstance(error, OutOfTime) else Status.NOT_APPLICABLE if isinstance(error, NotApplicable) else Status.FAILED
    )
    changed = changing(study, job.candidate, status=status, reason=str(error))
    return changing(changed, job.candidate, steps=outcome.steps) if outcome.steps else changed


def decided(study: Study, action: Drop | Add | Choose | Test | Shorten | End) -> Study:
    """Return the study with what a policy decided."""
    if isinstance(action, Drop):
        for name in action.names:
            study = changing(study, name, status=action.status, reason=action.reason)
        return study
    if isinstance(action, Add):
        place = 1 + [candidate.name for candidate in study.candidates].index(action.after)
        return replace(study, candidates=(*study.candidates[:place], action.candidate, *study.candidates[place:]))
    if isinstance(action, Test):
        return replace(study, tested=action.names)
    if isinstance(action, End):
        return replace(study, ended=action.why)
    return _shortened(study, action) if isinstance(action, Shorten) else replace(study, chosen=action.name)


def changing(study: Study, name: str, **fields: Any) -> Study:
    """Return the study with fields of one candidate changed."""
    return replace(study, candidates=tuple(replace(c, **fields) if c.name == name else c for c in study.candidates))


def _shortened(study: Study, action: Shorten) -> Study:
    info, split = study.task, study.task.splits[action.split]
    whole = split.whole or split.fingerprint
    part = SplitInfo(action.samples, beginning_fingerprint(whole, action.samples), whole)
    notes = (*info.notes, cut_short(info, action.split, action.samples))
    return replace(study, task=replace(info, splits={**info.splits, action.split: part}, notes=notes))


def _opened(study: Study, job: Job, opened: Opened) -> Study:
    info = replace(opened.task, splits=study.task.splits) if opened.task else study.task
    return replace(study, opened=True, task=replace(info, notes=(*info.notes, *opened.remarks)))


def _built(study: Study, job: Job, built: Built) -> Study:
    """Record a built artifact; the ranking of a mixed form's layers holds for the plain form, too."""
    candidate, ranking = study.candidate(job.candidate), built.sensitivity_db
    changed = changing(
        study,
        candidate.name,
        artifact=built.artifact,
        folder=str(built.folder),
        steps=built.steps,
        status=Status.OK,
        sensitivity_db=ranking,
    )
    return changing(changed, candidate.origin.base, sensitivity_db=ranking) if ranking and candidate.origin else changed


def _weighed(study: Study, job: Job, size: Size) -> Study:
    """Counts that the format doesn't tell come from the last step that counted."""
    counted = next((step for step in reversed(study.candidate(job.candidate).steps) if step.macs is not None), None)
    if counted:
        size = replace(size, macs=size.macs or counted.macs, parameters=size.parameters or counted.parameters)
    return changing(study, job.candidate, size=size)


def _started(study: Study, job: Job, cold: Cold) -> Study:
    return changing(study, job.candidate, cold=cold)


def _scored(study: Study, job: Score, quality: Quality) -> Study:
    return changing(study, job.candidate, quality={**study.candidate(job.candidate).quality, job.split: quality})


def _ran(study: Study, job: Job, run: Run) -> Study:
    """A member that failed during a run goes no further."""
    joint = run.id if isinstance(job, Time) and job.joint else study.joint_run
    study = replace(study, runs=(*(old for old in study.runs if old.id != run.id), run), joint_run=joint)
    for advice in run.warnings:
        if advice.code == "member-failed" and advice.member:
            study = changing(study, advice.member, status=Status.FAILED, reason=advice.text)
    return study


def _looked_at(study: Study, job: Job, seen: Observed) -> Study:
    """What is known of the candidate already stays."""
    candidate: Candidate = study.candidate(job.candidate)
    return changing(
        study,
        candidate.name,
        operators_ms=candidate.operators_ms or seen.operators_ms,
        sensitivity_db=candidate.sensitivity_db or seen.sensitivity_db,
        throughput=candidate.throughput or seen.throughput,
        probes={**seen.probes, **candidate.probes},
    )


_WITH: dict[type, Callable[[Study, Any, Any], Study]] = {
    Opened: _opened,
    Built: _built,
    Size: _weighed,
    Cold: _started,
    Quality: _scored,
    Run: _ran,
    Observed: _looked_at,
}
