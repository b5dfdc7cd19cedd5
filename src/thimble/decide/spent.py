"""What a study's time went to."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from statistics import median

from thimble.core.study import Candidate, Run, Study
from thimble.core.summary import Spent


def spent(study: Study) -> tuple[Spent, ...]:
    """Return the seconds that each candidate's work took, in the study's order; those that took none are left out."""
    seen: set[str] = set()
    times = {candidate.name: _worked(candidate, seen) for candidate in study.candidates}
    for run in study.runs:
        members = [name for name in run.members if name in times]
        named = members if run.id == study.joint_run or len(members) < 2 else members[1:]
        for name in named:
            times[name] = replace(times[name], timing=times[name].timing + _took(run) / len(named))
    return tuple(time for time in times.values() if time.seconds > 0)


def _worked(candidate: Candidate, seen: set[str]) -> Spent:
    """Return what a candidate's steps and scores took; ``seen`` are the steps that were counted already."""
    building = training = 0.0
    for step in candidate.steps:
        if step.cached or step.key in seen:
            continue
        seen.add(step.key)
        if "samples_seen" in step.notes:
            training += step.seconds
        else:
            building += step.seconds
    return Spent(candidate.name, building, training, sum(quality.seconds for quality in candidate.quality.values()))


def _took(run: Run) -> float:
    """Return about how long a run took: until its last round began, and a round more."""
    if not run.rounds:
        return 0.0
    ends = [turn.at_s for turn in run.rounds]
    return ends[-1] + (median(b - a for a, b in pairwise(ends)) if len(ends) > 1 else 0.0)
