"""Which candidates the closing run measures together."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from thimble.core.registry import speed_counts
from thimble.core.study import Study
from thimble.core.summary import Row
from thimble.decide._family import untouched
from thimble.decide.choose import cost, kind_of
from thimble.decide.rows import only_split, row_of

MOST = 1.3
"""A machine that changes more than this tells nothing in a look, and the closing run would have to hold everything."""
SHORTLIST = 5
"""Candidates that the closing joint run measures beside the baseline, at most."""


def shortlist(study: Study, most: int = SHORTLIST) -> list[str]:
    """Return the candidates of the final run, the baseline first: ordered by limits, then by what is minimized.

    One that a first look shows to be slower than the best of these, by more than the machine's own changes, is left out. FP32 in
    the same runtime as the best one is among them, so that the runtime's share of a speedup is seen; of runtimes that may not be chosen
    the best candidate is, so that what it would gain is known. A candidate whose speed here tells nothing is not measured.
    """
    first, blind = study.candidates[0].name, only_split(study, "validation")
    able = [c for c in blind.candidates if c.ok and c.name != first and speed_counts(c.runtime)]
    rows = [row_of(blind, c) for c in able]
    allowed = {c.name for c in able if study.allows(c)}

    def rank(row: Row) -> tuple[float, float]:
        return kind_of(blind, row), cost(row, study.limits.minimize)

    ranked = sorted((row for row in rows if row.name in allowed), key=rank)
    other = sorted((row for row in rows if row.name not in allowed), key=rank)[:1]
    best = [row.name for row in ranked if not _beaten(study, row, ranked[0])][:most]
    return [first, *best, *_plain_in_same_runtime(study, best), *(row.name for row in other)]


def _beaten(study: Study, row: Row, best: Row) -> bool:
    if study.limits.minimize != "latency" or row.speedup is None or best.speedup is None:
        return False
    return row.speedup.high * drift(study) < best.speedup.low


def drift(study: Study) -> float:
    """Return by how much looks in different states of the machine may differ: how far the baseline's medians lie apart, at most `MOST`."""
    baseline = study.candidates[0].name
    taken = [
        median(median(turn.samples_ms[baseline]) for turn in run.rounds if turn.samples_ms.get(baseline))
        for run in study.runs
        if any(turn.samples_ms.get(baseline) for turn in run.rounds)
    ]
    return min(MOST, max(taken) / min(taken)) if taken else 1.0


def _plain_in_same_runtime(study: Study, best: Sequence[str]) -> list[str]:
    plain = untouched(study, study.candidate(best[0])) if best else None
    return [plain.name] if plain and plain.name not in (*best, study.candidates[0].name) else []
