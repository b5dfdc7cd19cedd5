"""The figures of one candidate, computed from its raw values."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from thimble.base.registry import METRICS
from thimble.base.study import Candidate, Quality, Run, Study
from thimble.base.summary import Interval, Row
from thimble.base.values import MB
from thimble.stats import drop_interval, latency_interval, percentile, quality_interval, ratio_interval

if TYPE_CHECKING:
    from thimble.base.task import Metric


def row_of(study: Study, candidate: Candidate) -> Row:
    """Every figure that the raw values allow; quality from the test split where it was scored there, else validation."""
    baseline = study.candidates[0]
    figures: dict[str, object] = {}
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
    figures |= _latency(study, candidate) | _quality(study, candidate)
    quality, latency = figures.get("quality"), figures.get("latency_p50_ms")
    if candidate.size and isinstance(quality, Interval) and isinstance(latency, Interval):
        figures["efficiency"] = quality.value / (latency.value * candidate.size.bytes / MB)
    return Row(
        candidate.name,
        candidate.title,
        candidate.recipe,
        candidate.runtime,
        candidate.status,
        candidate.reason,
        findings=candidate.findings,
        **figures,  # type: ignore[arg-type]
    )


def run_with(study: Study, name: str) -> Run | None:
    """The run to read a candidate's latency from: the joint one where it was in it, else the last that measured it."""
    runs = sorted(study.runs, key=lambda run: run.id == study.joint_run)
    return next((run for run in reversed(runs) if any(name in round_.samples_ms for round_ in run.rounds)), None)


def _latency(study: Study, candidate: Candidate) -> dict[str, object]:
    run = run_with(study, candidate.name)
    if run is None:
        return {}
    shared = [r for r in run.rounds if candidate.name in r.samples_ms]
    own = [r.samples_ms[candidate.name] for r in shared]
    samples = [ms for times in own for ms in times]
    found: dict[str, object] = {
        "latency_p50_ms": latency_interval(own, run.seed),
        "latency_mean_ms": statistics.fmean(samples),
        "latency_std_ms": statistics.stdev(samples) if len(samples) > 1 else None,
        "latency_p90_ms": percentile(samples, 90),
        "latency_p95_ms": percentile(samples, 95),
        "latency_p99_ms": percentile(samples, 99),
        "latency_samples": len(samples),
    }
    paired = [r for r in shared if run.reference in r.samples_ms]
    if paired and run.reference == study.candidates[0].name:
        reference = [r.samples_ms[run.reference] for r in paired]
        found["speedup"] = ratio_interval(reference, [r.samples_ms[candidate.name] for r in paired], run.seed)
    return found


def _quality(study: Study, candidate: Candidate) -> dict[str, object]:
    split = "test" if "test" in candidate.quality else "validation"
    scored = candidate.quality.get(split)
    if scored is None:
        return {}
    found: dict[str, object] = {"sqnr_db": scored.sqnr_db}
    if scored.agreement:
        found["agreement"] = 100 * statistics.fmean(scored.agreement)
    if not scored.scores:
        return found
    metric = METRICS.get(scored.metric)()
    found["quality"] = quality_interval(scored.scores, metric, study.seed)
    reference = study.candidates[0].quality.get(split)
    if reference and reference.scores:
        found["drop"] = drop_of(reference, scored, metric, study.seed)
        base = quality_interval(reference.scores, metric, study.seed).value
        found["relative"] = 100 * quality_interval(scored.scores, metric, study.seed).value / base if base else None
    return found


def drop_of(reference: Quality, scored: Quality, metric: Metric, seed: int) -> Interval | None:
    """The paired drop, or ``None`` where the two were not scored on the same samples."""
    if reference.fingerprint != scored.fingerprint or len(reference.scores) != len(scored.scores):
        return None
    return drop_interval(reference.scores, scored.scores, metric, seed)
