"""Choose one candidate from validation figures, before the test split is opened."""

from __future__ import annotations

from dataclasses import replace

from thimble.base.study import Candidate, Limits, Study
from thimble.base.summary import Row
from thimble.recommend.rows import row_of
from thimble.stats import non_inferiority

ORDER = {"met": 0, "not proven": 1, "broken": 2}


def choose(study: Study, split: str = "validation") -> str | None:
    """The name of the candidate to confirm on the test split, or ``None`` where nothing was measured.

    Those that are proven to keep every limit come before those that may, and those before the ones that break one;
    among equals the least of what is to be minimized, then the smaller one, then the name. Only figures of ``split``
    are looked at.
    """
    blind = replace(study, candidates=tuple(_only(c, split) for c in study.candidates))
    rows = [row_of(blind, c) for c in blind.candidates if c.ok]
    ranked = sorted(rows, key=lambda row: _rank(row, study.limits))
    return ranked[0].name if ranked else None


def limits_of(row: Row, limits: Limits) -> dict[str, str]:
    """``met``, ``broken`` or ``not proven`` for each limit that was set; a figure that is missing proves nothing."""
    found = {}
    if limits.max_drop is not None and row.drop is not None:
        found["drop"] = non_inferiority(row.drop, limits.max_drop)
    elif limits.max_drop is not None:
        found["drop"] = "not proven"
    for name, limit, value in (("size", limits.max_size, row.size_mb), ("memory", limits.max_memory, row.memory_mb)):
        if limit is not None:
            found[name] = "not proven" if value is None else "met" if value <= limit else "broken"
    if limits.max_latency is not None:
        p50 = row.latency_p50_ms
        if p50 is None:
            found["latency"] = "not proven"
        else:
            found["latency"] = "met" if p50.high <= limits.max_latency else "broken" if p50.low > limits.max_latency else "not proven"
    return found


def cost(row: Row, minimize: str) -> float:
    """What is to be minimized, in its unit; infinite where it was not measured."""
    value = {"latency": row.latency_p50_ms.value if row.latency_p50_ms else None, "size": row.size_mb, "memory": row.memory_mb}[minimize]
    return float("inf") if value is None else value


def _rank(row: Row, limits: Limits) -> tuple[int, int, float, float, str]:
    verdicts = [ORDER[verdict] for verdict in limits_of(row, limits).values()]
    size = row.size_mb if row.size_mb is not None else float("inf")
    return (max(verdicts, default=0), sum(verdicts), cost(row, limits.minimize), size, row.name)


def _only(candidate: Candidate, split: str) -> Candidate:
    return replace(candidate, quality={name: scored for name, scored in candidate.quality.items() if name == split})
