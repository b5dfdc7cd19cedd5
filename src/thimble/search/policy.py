"""Decide what a study tries next while it looks for the best candidate under limits: `propose` decides, the workflow acts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from thimble.core.study import Candidate, Study
from thimble.core.summary import Row
from thimble.decide._family import essence, float_sibling, name_of, terms, uses
from thimble.decide.choose import cost, fits
from thimble.decide.limits import drop_so_far, limits_of
from thimble.decide.rows import only_split, row_of

SHORTLIST = 5
"""Candidates that the closing joint run measures beside the baseline, at most."""
FIRST_KEPT = 4
"""How many layers stay in float at the first try of mixed precision."""
MOST_MIXED = 6
"""Tries of mixed precision, at most."""
TRAINING = ("finetune", "distill", "train")
LONGER = "-longer"
"""How the name of a candidate ends that was trained longer than another one."""
MIXED, STATIC = "onnx_quantize_mixed", "onnx_quantize_static"


@dataclass(frozen=True)
class Build:
    """Build this candidate, score it while that can help, and take a first look at its latency."""

    name: str


@dataclass(frozen=True)
class Mix:
    """Add a candidate: ``base`` with the ``keep`` layers that suffer most in float."""

    base: str
    keep: int


@dataclass(frozen=True)
class Lengthen:
    """Add a candidate: ``base`` trained longer."""

    base: str


@dataclass(frozen=True)
class Skip:
    """Don't try this candidate: what was found says already that it can't be chosen."""

    name: str
    reason: str


@dataclass(frozen=True)
class Close:
    """Nothing is left to try: measure the `shortlist` together, choose, confirm."""


def propose(study: Study) -> Build | Mix | Lengthen | Skip | Close:
    """Return the next thing to do.

    Candidates stand in the study in the order of their prospects. Candidates that train wait until mixed precision, which
    needs no training, is searched.
    """
    waiting = [c for c in study.candidates if c.status == "not tried" and not c.reason]
    quick = next((c for c in waiting if not trains(c)), None)
    if quick is not None:
        return Build(quick.name)
    if (mix := mixture(study)) is not None:
        return mix
    if not waiting:
        return lengthened(study) or Close()
    reason = pointless(study, waiting[0])
    return Skip(waiting[0].name, reason) if reason else Build(waiting[0].name)


def trains(candidate: Candidate) -> bool:
    """Return whether one of its steps learns from the train split."""
    return any(name_of(term) in TRAINING for term in terms(candidate.recipe))


def pointless(study: Study, candidate: Candidate) -> str | None:
    """Return why another pruning ratio, already tried, makes this candidate needless; else ``None``."""
    mine = _ratio(candidate)
    for other in study.candidates:
        theirs = _ratio(other)
        if mine is None or theirs is None or mine == theirs or other.status not in ("ok", "dropped"):
            continue
        proven = _proves_quality(study, other)
        if mine > theirs and not proven:
            return f"{other.name} with more channels is not proven to meet the limit on drop"
        if mine < theirs and proven and fits(study, other.name):
            return f"{other.name} with fewer channels meets the limits"
    return None


def _ratio(candidate: Candidate) -> float | None:
    """Return the ratio of a pruned candidate."""
    pruned = next((term for term in terms(candidate.recipe) if name_of(term) == "prune_channels"), None)
    return float(pruned.partition("(")[2].rstrip(")").split(",")[0]) if pruned else None


def lengthened(study: Study) -> Lengthen | None:
    """Return the fine-tuned candidate that would win if its drop were proven as small as it looks; the closest to that.

    Training on brings it closer to the baseline, and what differs in fewer samples is easier to prove.
    """
    most, blind = study.limits.max_drop, only_split(study, "validation")
    rows = [row_of(blind, candidate) for candidate in blind.candidates[1:] if candidate.ok]
    verdicts = {row.name: limits_of(row, study.limits) for row in rows}
    proven = [cost(row, study.limits.minimize) for row in rows if set(verdicts[row.name].values()) == {"met"}]
    able = [
        row
        for row in rows
        if most is not None
        and {what for what, verdict in verdicts[row.name].items() if verdict != "met"} == {"drop"}
        and row.drop is not None
        and row.drop.value <= most
        and cost(row, study.limits.minimize) < min(proven, default=math.inf)
        and "finetune" in row.recipe
        and not row.name.endswith(LONGER)
        and all(c.name != row.name + LONGER for c in study.candidates)
    ]
    return Lengthen(min(able, key=lambda row: row.drop.high if row.drop else math.inf).name) if able else None


def mixture(study: Study) -> Mix | None:
    """Return static INT8 with some layers in float, where plain INT8 is not proven to meet the limit and FP32 there is.

    Where the validation split is too small to prove it even of FP32, it is enough that the test split could. Bisection (of
    the logarithm) over how many of the ranked layers stay in float. ``None`` where none of that is needed, or can help,
    or is left to try.
    """
    static = [c for c in study.candidates if _plain_static(c) and c.status in ("ok", "dropped") and c.quality.get("validation")]
    base = min(static, key=lambda c: drop_so_far(study, c), default=None)
    runtime_alone = float_sibling(study, base) if base else None
    if base is None or runtime_alone is None or not _keeps_quality(study, runtime_alone):
        return None
    suffices = _proves_quality if _proves_quality(study, runtime_alone) else _keeps_quality
    if any(suffices(study, c) for c in static) or _too_slow(study, base):
        return None
    tried = {kept: c for c in study.candidates if (kept := _kept(base, c)) is not None}
    if not tried:
        return Mix(base.name, FIRST_KEPT)
    if len(tried) >= MOST_MIXED or any(c.status not in ("ok", "dropped") for c in tried.values()):
        return None
    layers = max(len(c.sensitivity_db) for c in tried.values())
    enough = [kept for kept, c in tried.items() if suffices(study, c)]
    low = max((kept for kept in tried if kept not in enough), default=0)
    high = min(enough, default=layers)
    keep = max(low + 1, math.isqrt((low + 1) * high))
    slow = any(kept < keep and _too_slow(study, c) for kept, c in tried.items())
    return None if keep >= high or keep > layers / 2 or slow else Mix(base.name, keep)


def mixed_name(base: str, keep: int) -> str:
    """Return ``onnx-int8-keep3`` for ``onnx-int8`` and 3."""
    return f"{base}-keep{keep}"


def _kept(base: Candidate, candidate: Candidate) -> int | None:
    """Return how many layers a mixed form of ``base`` keeps in float."""
    head, found, tail = candidate.name.rpartition("-keep")
    return int(tail) if found and head == base.name and uses(candidate, MIXED) else None


def _plain_static(candidate: Candidate) -> bool:
    """Return whether this is static INT8 of the network as given, in the types that mixed precision has."""
    steps = essence(candidate)
    return (
        candidate.runtime == "onnxruntime"
        and len(steps) == 1
        and name_of(steps[0]) == STATIC
        and "weights=" not in steps[0]
        and "'int8'" not in steps[0]
    )


def _keeps_quality(study: Study, candidate: Candidate) -> bool:
    """Return whether the candidate meets the limit on drop on validation, or would with as many samples as test has."""
    return candidate.ok and fits(study, candidate.name, only="drop")


def _proves_quality(study: Study, candidate: Candidate) -> bool:
    """Return whether validation proves the limit on drop: only such a candidate is chosen before another one that does."""
    blind = only_split(study, "validation")
    row = row_of(blind, blind.candidate(candidate.name))
    return _keeps_quality(study, candidate) and limits_of(row, study.limits).get("drop", "met") == "met"


def _too_slow(study: Study, candidate: Candidate) -> bool:
    """Return whether it is proven slower than a candidate that meets every limit; more float can only slow it down."""
    row = row_of(study, candidate)
    if study.limits.minimize != "latency" or row.speedup is None:
        return False
    others = [row_of(study, c) for c in study.candidates[1:] if c.ok and c is not candidate and fits(study, c.name)]
    return any(other.speedup is not None and other.speedup.low > row.speedup.high for other in others)


def shortlist(study: Study, most: int = SHORTLIST) -> list[str]:
    """Return the candidates of the final run, the baseline first: ordered by limits, then by what is minimized.

    One that a first look shows to be slower than the best of these has nothing to win there, and is left out. FP32 in
    the same runtime as the best one is among them, so that the runtime's share of a speedup is seen.
    """
    first, blind = study.candidates[0].name, only_split(study, "validation")
    rows = [row_of(blind, c) for c in blind.candidates if c.ok and c.name != first]
    order = {"met": 0, "not proven": 1, "broken": 2}

    def rank(row: Row) -> tuple[int, float]:
        verdicts = [order[verdict] for verdict in limits_of(row, study.limits).values()]
        return max(verdicts, default=0), cost(row, study.limits.minimize)

    ranked = sorted(rows, key=rank)[:most]
    best = [row.name for row in ranked if not _beaten(study, row, ranked[0])]
    return [first, *best, *_plain_in_same_runtime(study, best)]


def _beaten(study: Study, row: Row, best: Row) -> bool:
    if study.limits.minimize != "latency" or row.speedup is None or best.speedup is None:
        return False
    return row.speedup.high < best.speedup.low


def _plain_in_same_runtime(study: Study, best: Sequence[str]) -> list[str]:
    if not best:
        return []
    runtime = study.candidate(best[0]).runtime
    exported = [c.name for c in study.candidates if c.ok and c.runtime == runtime and all(s.name.startswith("to_") for s in c.steps)]
    return [name for name in exported if name not in best and name != study.candidates[0].name][:1]
