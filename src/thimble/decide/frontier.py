"""Find the Pareto-optimal candidates, as far as they are proven."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from thimble.core.study import Study
from thimble.core.summary import Row
from thimble.core.verdict import Status
from thimble.decide.pairs import loss_against, speedup_over

PACKING = 0.01
"""A relative difference in size below this is packing, and decides nothing."""

LOOSE_MEMORY = 0.1
"""A relative difference in peak memory below this is within what one cold start differs from the next."""


def frontier(study: Study, rows: Sequence[Row]) -> set[str]:
    """Return the names of the measured candidates that no other candidate `beats`."""
    able = [row for row in rows if row.status == Status.OK]
    found = {row.name for row in able if not any(other is not row and beats(study, other, row) for other in able)}
    return found or {row.name for row in able}


def beats(study: Study, one: Row, other: Row) -> bool:
    """Return whether ``one`` is proven better than ``other`` in something and proven worse in nothing.

    Judged in size, latency, quality, and peak memory. Size is exact but for packing (1 %), memory to 10 %. Latency is
    proven by the interval of the two's ratio in one run (by each one's speedup where no run has both), quality by the
    interval of their difference on the same samples: a lead that an interval doesn't prove neither wins nor saves. What
    ``other`` was measured in ``one`` must have been measured in too.
    """
    measured = ("size_mb", "latency_p50_ms", "quality", "memory_mb")
    if any(getattr(other, name) is not None and getattr(one, name) is None for name in measured):
        return False
    better = False
    for sign in _signs(study, one, other):
        if sign < 0:
            return False
        better = better or sign > 0
    return better


def _signs(study: Study, one: Row, other: Row) -> Iterator[int]:
    """Yield 1 where ``one`` is proven better and -1 where it is proven worse, cheap comparisons first."""
    yield _by_ratio(one.size_mb, other.size_mb, PACKING)
    yield _by_ratio(one.memory_mb, other.memory_mb, LOOSE_MEMORY)
    if one.latency_p50_ms and other.latency_p50_ms:
        ratio = speedup_over(study, one.name, other.name)
        yield _by_first_looks(one, other) if ratio is None else 1 if ratio.low > 1 else -1 if ratio.high < 1 else 0
    if one.drop and other.drop and not study.task.binary:  # a bootstrap of every pair would take minutes
        yield 1 if one.drop.high < other.drop.low else -1 if one.drop.low > other.drop.high else 0
    elif one.quality and other.quality:
        loss = loss_against(study, one.name, other.name)
        yield 0 if loss is None else 1 if loss.high < 0 else -1 if loss.low > 0 else 0


def _by_first_looks(one: Row, other: Row) -> int:
    """Compare two candidates that share no run by their speedups over the baseline; overlapping intervals prove nothing."""
    if one.speedup is None or other.speedup is None:
        return -1
    return 1 if one.speedup.low > other.speedup.high else -1


def _by_ratio(one: float | None, other: float | None, tolerance: float) -> int:
    if one is None or other is None or abs(one - other) <= tolerance * max(one, other):
        return 0
    return 1 if one < other else -1
