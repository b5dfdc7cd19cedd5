"""Choose one candidate from validation figures, before the test split is opened."""

from __future__ import annotations

import math
from dataclasses import replace

from thimble.core.limit import Limit, Limits, set_limits
from thimble.core.study import Study
from thimble.core.summary import Interval, Row
from thimble.core.verdict import Proof
from thimble.decide.limits import beyond, figure_of, figures_of, limits_of
from thimble.decide.pairs import speedup_over
from thimble.decide.rows import only_split, row_of, told

ALIKE = 0.05
"""Size decides between candidates whose latency is within this share of the best one's and not proven worse."""

GAIN = 0.03
"""The share that a candidate which is only likely to keep the limits must save to be tested before one that is proven to."""

PACKING = 0.01
"""A relative difference in size below this is none."""

PROVEN, LIKELY, OPEN, BASELINE, LOSING, WORTHLESS, BROKEN = range(7)
"""Return the candidates that may be chosen, best first; the baseline is among them only if it breaks no limit."""


def choose(study: Study, split: str = "validation") -> str | None:
    """Return the name of the candidate to confirm on the test split, or ``None`` where nothing was measured.

    Only qualities of ``split`` are looked at, only runtimes that the study allows, and latencies of one run where there was a closing
    run. In this order:

    1. those that are proven to keep every limit;
    2. those that would be, were their intervals those of as many samples as the test split has;
    3. those that break no limit, the one with the nearest upper bound of the drop first;
    4. those that break one, the least of them first.

    The baseline loses nothing, so it would always be of the first kind: it comes behind the third, but before whatever is
    no better than it in what is to be minimized. Within a kind the least latency (or size, or memory) wins;
    latencies within 5 % that no interval tells apart are decided by size, and at last by name. Without a limit on
    the drop, those that are proven to lose something come behind the baseline, the least loss first.
    """
    blind = _timed_alike(only_split(study, split))
    rows = [row_of(blind, candidate) for candidate in blind.candidates if candidate.ok and study.allows(candidate)]
    if not rows:
        return None
    what = minimized(rows, study.limits.minimize)
    costs = _costs(rows, what)
    baseline = next((row for row in rows if row.name == study.candidates[0].name), None)
    growth = samples_more(study, split)

    def rank(row: Row) -> tuple[float, float, float]:
        kind = _kind(row, study.limits, growth)
        lost = _proven_loss(row) if study.limits.max_drop is None else 0.0
        if kind != BROKEN:
            if row is baseline:
                kind = max(kind, BASELINE)
            elif baseline is not None and not _worthwhile(row, baseline, what, costs):
                kind = WORTHLESS
            elif lost:
                kind = max(kind, LOSING)
        return kind, _excess(row, study.limits) if kind >= OPEN else 0.0, lost

    ranks = {row.name: rank(row) for row in rows}
    ranked = sorted(rows, key=lambda row: (*ranks[row.name], costs[row.name], row.size_mb or math.inf, row.name))
    equals = [row for row in ranked if ranks[row.name] == ranks[ranked[0].name]]
    return _smallest_alike(blind, equals, what, costs).name


def to_test(study: Study) -> tuple[str, ...]:
    """Return the candidates that the test split is opened for, in their order; none where nothing was measured.

    Usually it is the one to choose. Where that is proven to keep every limit, and another one would cost less by `GAIN` and likely keeps
    them, that one comes first: the test split has more samples, or others, that may prove it.
    """
    best = choose(study)
    if best is None or "test" not in study.task.splits or study.limits.max_drop is None:
        return (best,) if best else ()
    blind = _timed_alike(only_split(study, "validation"))
    rows = {c.name: row_of(blind, c) for c in blind.candidates if c.ok and study.allows(c)}
    what, growth = minimized(list(rows.values()), study.limits.minimize), samples_more(study)
    costs = _costs(list(rows.values()), what)
    if _kind(rows[best], study.limits, growth) != PROVEN:
        return (best,)
    better = [name for name, row in rows.items() if costs[name] < (1 - GAIN) * costs[best] and _kind(row, study.limits, growth) == LIKELY]
    return (min(better, key=lambda name: (costs[name], name)), best) if better else (best,)


def closing_told(study: Study) -> bool:
    """Return whether the closing run told a speed: on a busy machine it may have told none."""
    return any(run.id == study.joint_run and told(run) for run in study.runs)


def _timed_alike(study: Study) -> Study:
    """Return the study with latencies that can be compared: those of the closing run, or of the first looks where it told nothing."""
    if study.joint_run is None:
        return study
    if closing_told(study):
        return replace(study, runs=tuple(run for run in study.runs if run.id == study.joint_run))
    return replace(study, runs=tuple(filter(told, study.runs)), joint_run=None)


def kind_of(study: Study, row: Row) -> float:
    """Return how well a row of the validation split meets the limits: 0 proven, 1 likely, 2 open, more: broken."""
    return _kind(row, study.limits, samples_more(study))


def minimized(rows: list[Row], wish: str) -> str:
    """Return what to minimize: the wish where it was measured, else latency, size or memory, whichever was."""
    return next((what for what in (wish, "latency", "size", "memory") if any(cost(row, what) < math.inf for row in rows)), wish)


def cost(row: Row, minimize: str) -> float:
    """Return the figure to minimize; infinite where it was not measured.

    Latency counts as a share of the baseline's in the same run, since milliseconds of two runs can't be compared; in ms
    where no run has both.
    """
    if minimize == "latency":
        if row.speedup is not None:
            return 1 / row.speedup.value
        return row.latency_p50_ms.value if row.latency_p50_ms else math.inf
    value = row.size_mb if minimize == "size" else row.memory_mb
    return math.inf if value is None else value


def fits(study: Study, name: str, only: str | None = None) -> bool:
    """Return whether a measured candidate that may be chosen meets the limits on validation, or would with as many samples as test has.

    ``only`` looks at one limit. Where no drop is allowed for, it is to be not proven.
    """
    blind = only_split(study, "validation")
    candidate, limits = blind.candidate(name), study.limits
    if not study.allows(candidate):
        return False
    row = row_of(blind, candidate)
    if limits.max_drop is None and only in (None, "drop") and _proven_loss(row):
        return False
    growth = samples_more(study)
    asked = [(limit, figure_of(limit, row), most) for name, limit, most in set_limits(limits) if only in (None, name)]
    return candidate.ok and all(value is not None and _would_meet(limit, value, most, growth) for limit, value, most in asked)


def samples_more(study: Study, split: str = "validation") -> float:
    """Return how many times as many samples as ``split`` the test split has."""
    infos = study.task.splits
    return infos["test"].samples / infos[split].samples if "test" in infos and split in infos and infos[split].samples else 1.0


def _kind(row: Row, limits: Limits, growth: float) -> float:
    verdicts = set(limits_of(row, limits).values())
    if Proof.BROKEN in verdicts:
        return BROKEN
    if Proof.NOT_PROVEN not in verdicts:
        return PROVEN
    likely = all(value is not None and _would_meet(limit, value, most, growth) for limit, most, value in figures_of(row, limits))
    return LIKELY if likely else OPEN


def _would_meet(limit: Limit, value: Interval, most: float, growth: float) -> bool:
    """Return whether the same point would be within the limit with ``growth`` times as many samples."""
    missed = beyond(limit, value, most)
    if not limit.samples or growth <= 0:
        return missed.high <= 0
    return missed.value + (missed.high - missed.value) / math.sqrt(growth) <= 0


def _excess(row: Row, limits: Limits) -> float:
    """Return how far the upper bounds lie beyond their limits: the worst share of a limit, infinite where a figure is unknown."""
    missed = [
        math.inf if value is None else beyond(limit, value, most).high / (abs(most) or 1.0)
        for limit, most, value in figures_of(row, limits)
    ]
    return max(0.0, *missed) if missed else 0.0


def _proven_loss(row: Row) -> float:
    return row.drop.value if row.drop is not None and row.drop.low > 0 else 0.0


def _costs(rows: list[Row], what: str) -> dict[str, float]:
    """Return `cost` by name; where some rows have a speedup, milliseconds without a speedup count as unknown."""
    ratios = what == "latency" and any(row.speedup for row in rows)
    return {row.name: math.inf if ratios and row.speedup is None else cost(row, what) for row in rows}


def _worthwhile(row: Row, baseline: Row, what: str, costs: dict[str, float]) -> bool:
    """Return whether there is any reason to ship this row instead of the baseline."""
    mine, theirs = costs[row.name], costs[baseline.name]
    if what != "latency" or row.speedup is None:
        return mine < (1 - PACKING) * theirs or theirs == math.inf
    smaller = row.size_mb is not None and baseline.size_mb is not None and row.size_mb < (1 - PACKING) * baseline.size_mb
    return row.speedup.low > 1 or (smaller and row.speedup.high >= 1 and mine <= 1 + ALIKE)


def _smallest_alike(study: Study, ranked: list[Row], what: str, costs: dict[str, float]) -> Row:
    """Return the smallest row among those that are not proven slower than the first."""
    best = ranked[0]
    if what != "latency":
        return best
    alike = [best]
    for row in ranked[1:]:
        if costs[row.name] <= (1 + ALIKE) * costs[best.name] < math.inf:
            ratio = speedup_over(study, best.name, row.name)
            if ratio is not None and ratio.low <= 1 <= ratio.high:
                alike.append(row)
    return min(alike, key=lambda row: (row.size_mb or math.inf, costs[row.name], row.name))
