"""The table of a comparison of runtimes: a row for each candidate and number of threads, figures read off the studies."""

from __future__ import annotations

from collections.abc import Sequence

from thimble.core.runtimes_compared import RuntimeRow as RuntimeRow
from thimble.core.runtimes_compared import RuntimesCompared as RuntimesCompared
from thimble.core.study import Candidate, Study
from thimble.core.summary import Row
from thimble.core.verdict import Status
from thimble.decide.summarize import summarize


def runtimes_compared(studies: Sequence[Study]) -> RuntimesCompared:
    """Return what studies of one model with different numbers of threads say."""
    told = (advice for study in studies for advice in (study.run(study.joint_run).warnings if study.joint_run else ()))
    warnings = tuple(dict.fromkeys(f"{advice.member + ': ' if advice.member else ''}{advice.text}" for advice in told))
    return RuntimesCompared(studies[0].model, studies[0].task.spec, runtime_rows(studies), warnings)


def runtime_rows(studies: Sequence[Study]) -> tuple[RuntimeRow, ...]:
    """Return the rows of all studies, in the studies' order."""
    return tuple(
        _row(study, row, candidate) for study in studies for row, candidate in zip(summarize(study).rows, study.candidates, strict=True)
    )


def _row(study: Study, row: Row, candidate: Candidate) -> RuntimeRow:
    alike = candidate.probes.get("on_samples") or candidate.probes.get("on_noise") or {}
    measured = row.status == Status.OK
    return RuntimeRow(
        name=row.name,
        runtime=row.runtime,
        recipe=row.recipe,
        threads=study.threads,
        status=str(row.status),
        reason=row.reason,
        precision=row.precision,
        size_mb=row.size_mb if measured else None,
        load_ms=row.load_ms,
        first_ms=row.first_inference_ms,
        p50_ms=row.latency_p50_ms,
        p95_ms=row.latency_p95_ms,
        speedup=row.speedup,
        memory_mb=row.memory_mb,
        largest=alike.get("largest"),
        reach=alike.get("reach"),
        sqnr_db=alike.get("sqnr_db"),
    )
