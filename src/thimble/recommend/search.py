"""What to do next with a candidate while a study looks for the best one under limits."""

from __future__ import annotations

from collections.abc import Sequence

from thimble.base.registry import METRICS
from thimble.base.study import Candidate, Study
from thimble.recommend.choose import cost, limits_of
from thimble.recommend.rows import row_of
from thimble.stats import sequential_drop

SHORTLIST = 5
"""Candidates that the closing joint run measures beside the baseline."""


def hopeless(study: Study, name: str) -> str | None:
    """Why a candidate can't meet the limits any more, whatever else is measured, or ``None`` where it still may.

    Size is exact. The drop is judged by an interval that allows for looking at it any number of times.
    """
    candidate, limits = study.candidate(name), study.limits
    if limits.max_size is not None and candidate.size and candidate.size.bytes > limits.max_size * 1e6:
        return f"its {candidate.size.bytes / 1e6:.2f} MB are above the limit of {limits.max_size:g} MB"
    if limits.max_memory is not None and candidate.cold and candidate.cold.memory_mb > limits.max_memory:
        return f"its peak of {candidate.cold.memory_mb:.1f} MB of memory is above the limit of {limits.max_memory:g} MB"
    if limits.max_drop is None:
        return None
    lost = _drop_so_far(study, candidate)
    if lost is not None and lost[1] > limits.max_drop:
        return f"on the first {lost[2]} validation samples it loses at least {lost[1]:.2f} points, and {limits.max_drop:g} are allowed"
    return None


def _drop_so_far(study: Study, candidate: Candidate) -> tuple[float, float, int] | None:
    """Point and lower end of the drop on the validation samples that were scored, and their number."""
    mine, theirs = candidate.quality.get("validation"), study.candidates[0].quality.get("validation")
    if mine is None or theirs is None or not mine.scores or candidate.name == study.candidates[0].name:
        return None
    n = min(len(mine.scores), len(theirs.scores))
    found = sequential_drop(theirs.scores[:n], mine.scores[:n], METRICS.get(mine.metric)())
    return found.value, found.low, n


def shortlist(study: Study, most: int = SHORTLIST) -> list[str]:
    """The candidates to measure together at the end, the baseline first: by limits, then by what is minimized.

    FP32 in the same runtime as the best one is among them, so that the runtime's share of a speedup is seen.
    """
    first = study.candidates[0].name
    rows = [row_of(study, c) for c in study.candidates if c.ok and c.name != first]
    order = {"met": 0, "not proven": 1, "broken": 2}

    def rank(row: object) -> tuple[int, float]:
        verdicts = [order[verdict] for verdict in limits_of(row, study.limits).values()]  # type: ignore[arg-type]
        return max(verdicts, default=0), cost(row, study.limits.minimize)  # type: ignore[arg-type]

    best = [row.name for row in sorted(rows, key=rank)[:most]]
    plain = _plain_in_same_runtime(study, best)
    return [first, *best, *plain]


def _plain_in_same_runtime(study: Study, best: Sequence[str]) -> list[str]:
    if not best:
        return []
    runtime = study.candidate(best[0]).runtime
    exported = [c.name for c in study.candidates if c.ok and c.runtime == runtime and all(s.name.startswith("to_") for s in c.steps)]
    return [name for name in exported if name not in best and name != study.candidates[0].name][:1]
