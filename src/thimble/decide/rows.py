"""Compute the figures of one candidate from its raw values."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from thimble.core.errors import UnknownName
from thimble.core.registry import METRICS
from thimble.core.study import CONFIDENCE, Candidate, Quality, Run, Study, TaskInfo
from thimble.core.summary import Interval, Row
from thimble.core.values import KIB, MB
from thimble.decide._once import drop_once, latency_once, metric_made, quality_once
from thimble.stats import flips, mcnemar_exact, speedup_in

if TYPE_CHECKING:
    from thimble.core.task import Metric

NOTHING_LOST = Interval(0.0, 0.0, 0.0)
"""What the baseline loses against itself: nothing, by definition and not by measurement."""


def row_of(study: Study, candidate: Candidate) -> Row:
    """Return every figure that the raw values allow.

    Latency is read from the joint run where the candidate is in it, else from the last run that measured it; a single
    round tells nothing of its own uncertainty, and gives none. Milliseconds of two runs can't be compared, so where the joint run told a
    speed, a candidate outside it has its speedup only. Where the machine changed its speed during a run, the ratio of each round
    may be known although milliseconds aren't. Quality is that of the test split where it was scored
    there, else of validation; the drop is against the baseline on the same samples.
    """
    baseline = study.candidates[0]
    figures: dict[str, Any] = {}
    if size := candidate.size:
        figures |= {
            "size_mb": size.bytes / MB,
            "size_deflated_mb": size.deflated_bytes / MB,
            "compression": baseline.size.bytes / size.bytes if baseline.size and size.bytes else None,
            "parameters": size.parameters,
            "nonzero_parameters": size.nonzero_parameters,
            "macs": size.macs,
        }
        if size.parameters and size.nonzero_parameters is not None:
            figures["sparsity"] = 100 * (1 - size.nonzero_parameters / size.parameters)
    if cold := candidate.cold:
        figures |= {"memory_mb": cold.memory_mb, "load_ms": cold.load_ms, "first_inference_ms": cold.first_inference_ms}
        figures["precision"] = cold.precision
        if cold.arena_bytes is not None:
            figures |= {"ram_kib": cold.arena_bytes / KIB, "flash_kib": candidate.size.bytes / KIB if candidate.size else None}
    figures |= _latency(study, candidate) | _quality(study, candidate)
    quality, latency = figures.get("quality"), figures.get("latency_p50_ms")
    if candidate.size and candidate.size.bytes and quality and latency:
        figures["efficiency"] = quality.value / (latency.value * candidate.size.bytes / MB)
    return Row(
        candidate.name,
        candidate.title,
        candidate.recipe,
        candidate.runtime,
        candidate.status,
        candidate.reason,
        findings=candidate.findings,
        probes=_probed(candidate),
        **figures,
    )


def _probed(candidate: Candidate) -> dict[str, float]:
    """Return the single numbers among what probes found, by ``probe.figure``."""
    numbers = ((f"{probe}.{name}", value) for probe, found in candidate.probes.items() for name, value in found.items())
    return {name: float(value) for name, value in numbers if isinstance(value, int | float) and not isinstance(value, bool)}


def only_split(study: Study, split: str) -> Study:
    """Return the same study without the qualities of every other split."""
    kept = tuple(replace(c, quality={name: q for name, q in c.quality.items() if name == split}) for c in study.candidates)
    return replace(study, candidates=kept)


def runs_of(study: Study) -> list[Run]:
    """Return every run with rounds: the joint run first, then from the last to the first."""
    newest_first = list(study.runs)[::-1]
    return [run for run in sorted(newest_first, key=lambda run: run.id != study.joint_run) if run.rounds]


def told(run: Run) -> bool:
    """Return whether a run told the speedup of any of its members: on a busy machine it may have told none."""
    return any(speedup_in(run, name) for name in run.members[1:])


def unmeasured(study: Study, name: str) -> bool:
    """Return whether a run tried to measure a candidate's speed and could not, since the machine was busy."""
    return any(advice.code == "not-measured" and advice.member == name for run in study.runs for advice in run.warnings)


def scored_split(*candidates: Candidate) -> str | None:
    """Return the split to compare candidates on: test where it scored all on the same samples, else validation."""
    for split in ("test", "validation"):
        scored = [candidate.quality.get(split) for candidate in candidates]
        if all(q is not None and len(q.scores) for q in scored) and len({_samples(q) for q in scored if q}) == 1:
            return split
    return None


def _samples(scored: Quality) -> tuple[str, str, int]:
    return scored.fingerprint, scored.metric, len(scored.scores)


def metric_of(task: TaskInfo, scored: Quality) -> Metric | None:
    """Return the registered metric; for a user's own metric that isn't registered here, the mean of its scores."""
    try:
        return metric_made(METRICS.get(scored.metric))
    except UnknownName:
        plain = not isinstance(scored.scores[0], tuple | list) if scored.scores else False
        return cast("Metric", _Mean(task.unit, task.higher_is_better, task.binary)) if plain else None


@dataclass(frozen=True)
class _Mean:
    """A metric known only by the study's description of it."""

    unit: str
    higher_is_better: bool
    binary: bool

    def aggregate(self, scores: Any) -> float:
        return float(scores.mean())


def _latency(study: Study, candidate: Candidate) -> dict[str, Any]:
    run = next((run for run in runs_of(study) if len(run.times(candidate.name)) > 1), None)
    if run is None:
        return {}
    apart = run.id != study.joint_run and any(told(one) for one in study.runs if one.id == study.joint_run)
    found = {} if apart else latency_once(tuple(turn.samples_ms[candidate.name] for turn in run.times(candidate.name)), run.seed)
    if run.reference == study.candidates[0].name and (speedup := speedup_in(run, candidate.name)):
        found["speedup"] = speedup
    return found


def _quality(study: Study, candidate: Candidate) -> dict[str, Any]:
    split = "test" if "test" in candidate.quality else "validation"
    scored = candidate.quality.get(split)
    if scored is None:
        return {}
    found: dict[str, Any] = {"sqnr_db": scored.sqnr_db}
    if scored.agreement:
        found["agreement"] = 100 * statistics.fmean(scored.agreement)
    metric = metric_of(study.task, scored)
    if not scored.scores or metric is None:
        return found
    found["quality"] = own = quality_once(scored.scores, metric, study.seed)
    baseline = study.candidates[0]
    reference = baseline.quality.get(split)
    if reference and scored_split(replace(baseline, quality={split: reference}), replace(candidate, quality={split: scored})):
        same = candidate.name == baseline.name
        confidence = study.confidence(candidate.name) if split == "test" else CONFIDENCE
        found["drop"] = NOTHING_LOST if same else drop_once(reference.scores, scored.scores, metric, study.seed, confidence)
        if metric.binary and not same:
            found["p_value"] = mcnemar_exact(*flips(reference.scores, scored.scores))
        whole = quality_once(reference.scores, metric, study.seed).value
        found["relative"] = 100 * own.value / whole if whole and math.isfinite(own.value / whole) else None
    return found
