"""Jobs for the candidates of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from thimble.core.job import Apply, Examine, Job, Score, Start, Stop, Time, Weigh
from thimble.core.registry import most_threads, speed_counts
from thimble.core.sampling import Sampling
from thimble.core.study import Study
from thimble.core.subject import Subject
from thimble.decide.findings import float_form, suspects
from thimble.search.actions import Try
from thimble.search.recipes import recipe_of


def trying(job: Job, share: float = 0.0) -> tuple[Try]:
    """Return the action that has a job done, which is about so much of the whole work."""
    return (Try(replace(job, share=share)),)


def ready(study: Study) -> list[str]:
    """Return the names of the candidates that have an artifact and did not fail."""
    return [candidate.name for candidate in study.candidates if candidate.ok]


def timed(study: Study) -> list[str]:
    """Return the names of those that are ready and whose speed here tells anything."""
    return [name for name in ready(study) if speed_counts(study.candidate(name).runtime)]


def subject_of(study: Study, name: str) -> Subject:
    """Return a candidate's artifact as it is measured; its folder is as the study names it."""
    candidate = study.candidate(name)
    assert candidate.artifact is not None
    folder = Path(candidate.folder or "")
    threads = min(study.threads, most_threads(candidate.runtime))
    return Subject(name, folder, candidate.artifact, candidate.runtime, threads, candidate.options, study.device)


def apply(study: Study, name: str, seconds: float | None = None) -> Apply:
    """Return the job that builds a candidate."""
    recipe = recipe_of(study.candidate(name))
    return Apply(candidate=name, steps=recipe.steps, runtime=recipe.runtime, seconds=seconds)


def first_look(study: Study, name: str, seconds: float | None = None) -> Weigh | Start | None:
    """Return the job that weighs a candidate, then the one that starts it within so many seconds; ``None`` where both are done."""
    candidate = study.candidate(name)
    if candidate.size is None:
        return Weigh(candidate=name, subject=subject_of(study, name))
    if candidate.cold is None:
        return Start(candidate=name, subject=subject_of(study, name), seconds=seconds)
    return None


def score(study: Study, name: str, split: str, stop: Stop | None = None, seconds: float | None = None) -> Score:
    """Return the job that scores a candidate on a split, as far as the study uses it, beside the baseline."""
    first = study.candidates[0].name
    reference = None if name == first else subject_of(study, first)
    samples = study.task.splits[split].samples
    return Score(
        candidate=name, subject=subject_of(study, name), split=split, reference=reference, samples=samples, stop=stop, seconds=seconds
    )


def timing(study: Study, names: Sequence[str], sampling: Sampling, joint: bool) -> Time:
    """Return the job that measures some candidates together, the first of them the reference."""
    return Time(candidate=names[-1], subjects=tuple(subject_of(study, name) for name in names), sampling=sampling, joint=joint)


def examination(study: Study, most: int, among: Sequence[str] | None = None) -> Examine | None:
    """Return the job that looks into the next candidate for causes, the most disappointing first; ``None`` after ``most``.

    ``among`` are those whose artifacts are at hand.
    """
    names = ready(study) if among is None else among
    for name in suspects(study, names, most):
        candidate = study.candidate(name)
        if "graph" not in candidate.probes:
            sibling = float_form(study, candidate)
            original = subject_of(study, sibling) if sibling and sibling in names else None
            return Examine(candidate=name, subject=subject_of(study, name), original=original, rank=not candidate.sensitivity_db)
    return None
