"""Which candidate a fit tries next, from what is known of the others."""

from __future__ import annotations

import math

from thimble.core.recipe import Recipe, parse_recipe
from thimble.core.study import Candidate, Origin, Study
from thimble.core.verdict import Proof, Status
from thimble.decide._family import float_sibling
from thimble.decide.choose import cost, fits
from thimble.decide.limits import drop_so_far, limits_of
from thimble.decide.rows import only_split, row_of
from thimble.search.actions import Add, Drop
from thimble.search.candidates import mixed, trained_longer
from thimble.steps.compress.finetune import Finetune
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic
from thimble.steps.compress.prune_channels import PruneChannels

FIRST_KEPT = 4
"""How many layers stay in float at the first try of mixed precision."""
MOST_MIXED = 6
"""Tries of mixed precision, at most."""
MIXED, LONGER = "mixed", "trained on"
"""How the search changes candidates: the words of their `Origin`."""


def following(study: Study) -> str | Add | Drop | None:
    """Return the name of the candidate to build next, one to add, one that isn't worth trying; ``None`` where nothing is left.

    Candidates stand in the study in the order of their prospects. Those that train wait until mixed precision, which needs no
    training, is searched.
    """
    waiting = [c for c in study.candidates if waits(c)]
    quick = next((c for c in waiting if not trains(c)), None)
    if quick is not None:
        return quick.name
    if (mix := mixture(study)) is not None:
        return mix
    if not waiting:
        return lengthened(study)
    reason = pointless(study, waiting[0])
    return Drop((waiting[0].name,), Status.NOT_TRIED, reason) if reason else waiting[0].name


def waits(candidate: Candidate) -> bool:
    """Return whether a candidate's turn is still to come."""
    return candidate.status == Status.NOT_TRIED and not candidate.reason


def recipe_of(candidate: Candidate) -> Recipe:
    """Return a candidate's recipe, read back from its text."""
    steps = parse_recipe(candidate.recipe)
    return Recipe(candidate.name, steps, candidate.runtime, tuple(candidate.options.items()), candidate.title)


def candidate_of(recipe: Recipe, origin: Origin | None = None) -> Candidate:
    """Return a candidate of a recipe, of which nothing is known yet."""
    return Candidate(recipe.name, recipe.text, recipe.runtime, recipe.title, dict(recipe.options), origin=origin)


def trains(candidate: Candidate) -> bool:
    """Return whether one of its steps learns from the train split."""
    return any("train" in step.effects for step in recipe_of(candidate).steps)


def pointless(study: Study, candidate: Candidate) -> str | None:
    """Return why another pruning ratio, already tried, makes this candidate needless; else ``None``."""
    mine = _ratio(candidate)
    for other in study.candidates:
        theirs = _ratio(other)
        if mine is None or theirs is None or mine == theirs or other.status not in (Status.OK, Status.DROPPED):
            continue
        proven = _proves_quality(study, other)
        if mine > theirs and not proven:
            return f"{other.name} with more channels is not proven to meet the limit on drop"
        if mine < theirs and proven and fits(study, other.name):
            return f"{other.name} with fewer channels meets the limits"
    return None


def _ratio(candidate: Candidate) -> float | None:
    """Return the ratio of a pruned candidate."""
    return next((step.ratio for step in recipe_of(candidate).steps if isinstance(step, PruneChannels)), None)


def lengthened(study: Study) -> Add | None:
    """Return the fine-tuned candidate that would win if its drop were proven as small as it looks; the closest to that.

    Training on brings it closer to the baseline, and what differs in fewer samples is easier to prove.
    """
    most, blind = study.limits.max_drop, only_split(study, "validation")
    rows = [row_of(blind, candidate) for candidate in blind.candidates[1:] if candidate.ok]
    verdicts = {row.name: limits_of(row, study.limits) for row in rows}
    proven = [cost(row, study.limits.minimize) for row in rows if set(verdicts[row.name].values()) == {Proof.MET}]
    able = [
        row
        for row in rows
        if most is not None
        and {what for what, verdict in verdicts[row.name].items() if verdict != Proof.MET} == {"drop"}
        and row.drop is not None
        and row.drop.value <= most
        and cost(row, study.limits.minimize) < min(proven, default=math.inf)
        and _may_be_trained_on(study, study.candidate(row.name))
    ]
    if not able:
        return None
    base = study.candidate(min(able, key=lambda row: row.drop.high if row.drop else math.inf).name)
    recipe = trained_longer(recipe_of(base), _free(study, f"{base.name}-longer"))
    return Add(candidate_of(recipe, Origin(base.name, LONGER, 1)), base.name)


def _free(study: Study, name: str) -> str:
    """Return the name, with a number behind it where another candidate has it."""
    taken = {candidate.name for candidate in study.candidates}
    return next(one for one in (name, *(f"{name}-{i}" for i in range(2, len(taken) + 3))) if one not in taken)


def _may_be_trained_on(study: Study, candidate: Candidate) -> bool:
    """Return whether it is fine-tuned, and neither the longer form of another one nor trained on already."""
    tuned = any(isinstance(step, Finetune) for step in recipe_of(candidate).steps)
    return tuned and candidate.origin is None and not any(_made_of(candidate, c, LONGER) for c in study.candidates)


def _made_of(base: Candidate, candidate: Candidate, how: str) -> bool:
    """Return whether a candidate is another one, changed so."""
    return candidate.origin is not None and (candidate.origin.base, candidate.origin.changed) == (base.name, how)


def mixture(study: Study) -> Add | None:
    """Return static INT8 with some layers in float, where plain INT8 is not proven to meet the limit and FP32 there is.

    Where the validation split is too small to prove it even of FP32, it is enough that the test split could. Bisection (of
    the logarithm) over how many of the ranked layers stay in float. ``None`` where none of that is needed, or can help,
    or is left to try.
    """
    static = [c for c in study.candidates if _plain_static(c) and c.status in (Status.OK, Status.DROPPED) and c.quality.get("validation")]
    base = min(static, key=lambda c: drop_so_far(study, c), default=None)
    runtime_alone = float_sibling(study, base) if base else None
    if base is None or runtime_alone is None or not _keeps_quality(study, runtime_alone):
        return None
    suffices = _proves_quality if _proves_quality(study, runtime_alone) else _keeps_quality
    if any(suffices(study, c) for c in static) or _too_slow(study, base):
        return None
    tried = {int(c.origin.amount or 0): c for c in study.candidates if c.origin and _made_of(base, c, MIXED)}
    if not tried:
        return _mix(study, base, FIRST_KEPT)
    if len(tried) >= MOST_MIXED or any(c.status not in (Status.OK, Status.DROPPED) for c in tried.values()):
        return None
    layers = max(len(c.sensitivity_db) for c in tried.values())
    enough = [kept for kept, c in tried.items() if suffices(study, c)]
    low = max((kept for kept in tried if kept not in enough), default=0)
    high = min(enough, default=layers)
    keep = max(low + 1, math.isqrt((low + 1) * high))
    slow = any(kept < keep and _too_slow(study, c) for kept, c in tried.items())
    return None if keep >= high or keep > layers / 2 or slow else _mix(study, base, keep)


def _mix(study: Study, base: Candidate, keep: int) -> Add:
    """Return ``base`` with the ``keep`` layers that suffer most in float, as a candidate to add."""
    recipe = mixed(recipe_of(base), keep, _free(study, f"{base.name}-keep{keep}"))
    return Add(candidate_of(recipe, Origin(base.name, MIXED, keep)), base.name)


def _plain_static(candidate: Candidate) -> bool:
    """Return whether this is static INT8 of the network as given, in the types that mixed precision has."""
    steps = [step for step in recipe_of(candidate).steps if step.effects and "export" not in step.effects]
    plain = len(steps) == 1 and isinstance(steps[0], OnnxQuantizeStatic)
    return candidate.runtime == "onnxruntime" and plain and (steps[0].activations, steps[0].weights) == ("uint8", "int8")  # type: ignore[attr-defined]


def _keeps_quality(study: Study, candidate: Candidate) -> bool:
    """Return whether the candidate meets the limit on drop on validation, or would with as many samples as test has."""
    return candidate.ok and fits(study, candidate.name, only="drop")


def _proves_quality(study: Study, candidate: Candidate) -> bool:
    """Return whether validation proves the limit on drop: only such a candidate is chosen before another one that does."""
    blind = only_split(study, "validation")
    row = row_of(blind, blind.candidate(candidate.name))
    return _keeps_quality(study, candidate) and limits_of(row, study.limits).get("drop", Proof.MET) == Proof.MET


def _too_slow(study: Study, candidate: Candidate) -> bool:
    """Return whether it is proven slower than a candidate that meets every limit; more float can only slow it down."""
    row = row_of(study, candidate)
    if study.limits.minimize != "latency" or row.speedup is None:
        return False
    others = [row_of(study, c) for c in study.candidates[1:] if c.ok and c is not candidate and fits(study, c.name)]
    return any(other.speedup is not None and other.speedup.low > row.speedup.high for other in others)
