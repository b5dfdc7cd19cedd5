"""A study's decision as one value, for programs."""

from __future__ import annotations

from typing import Any

from thimble.core.decision import Data, Decision, Details
from thimble.core.study import Candidate, Study
from thimble.decide.summarize import summarize

RAW = "scores"
"""What a probe found sample by sample; it is in ``study.json``."""


def decision_of(study: Study) -> Decision:
    """Return the rows, verdicts, intervals, causes and the recommendation of a study, without its raw values."""
    summary, task = summarize(study), study.task
    return Decision(
        study=study.name,
        model=study.model,
        data=Data(
            task.spec, task.name, task.metric, task.unit, task.higher_is_better, {name: one.samples for name, one in task.splits.items()}
        ),
        environment=study.environment,
        threads=study.threads,
        seed=study.seed,
        limits=study.limits,
        complete=study.complete,
        seconds=study.seconds,
        chosen=summary.chosen,
        met=summary.met,
        recommendation=summary.recommendation,
        rows=summary.rows,
        best=summary.best,
        warnings=summary.warnings,
        details={candidate.name: _details(candidate) for candidate in study.candidates if candidate.ok},
        started=study.started,
        thimble=study.thimble,
    )


def _details(candidate: Candidate) -> Details:
    return Details(
        throughput=candidate.throughput,
        operators_ms=candidate.operators_ms,
        bytes_by_type=candidate.size.bytes_by_type if candidate.size else {},
        sensitivity_db=dict(candidate.sensitivity_db),
        probes={name: _without_raw(found) for name, found in candidate.probes.items()},
    )


def _without_raw(found: dict[str, Any]) -> dict[str, Any]:
    return {name: _without_raw(value) if isinstance(value, dict) else value for name, value in found.items() if name != RAW}
