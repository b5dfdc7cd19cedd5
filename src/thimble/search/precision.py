"""Forms of static INT8 that lose less, where plain INT8 is not proven to keep the limit on the drop and FP32 is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from thimble.core.recipe import Recipe, parse_recipe
from thimble.core.study import Candidate, Origin, Study
from thimble.core.verdict import Proof, Status
from thimble.decide._family import float_sibling
from thimble.decide.choose import fits
from thimble.decide.limits import drop_so_far, limits_of
from thimble.decide.rows import only_split, row_of
from thimble.search.actions import Add
from thimble.search.candidates import mixed
from thimble.search.recipes import candidate_of, free, recipe_of
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic

REFINED = (
    ("equalized", "onnx_equalize() + onnx_quantize_refined(('biases',))", "static INT8, channels equalized, biases corrected"),
    ("refined", "onnx_quantize_refined()", "static INT8, ranges by squared error, biases corrected"),
)
"""Refinements by the word of their `Origin`, in the order in which they are tried: what costs no time at inference comes first."""
WORDS = tuple(name for name, *_ in REFINED)
FIRST_KEPT = 4
"""How many layers stay in float at the first try of mixed precision, and no more than half of them."""
MOST_MIXED = 6
"""Tries of mixed precision, at most."""
MIXED = "mixed"
"""How the search changes candidates: the word of their `Origin`."""


def truer(study: Study) -> Add | None:
    """Return a form of static INT8 that may lose less than plain INT8, where that is not proven to meet the limit and FP32 there is.

    Where the validation split is too small to prove it even of FP32, it is enough that the test split could. Refinements come first, then
    some layers in float. ``None`` where none of that is needed, or can help, or is left to try.
    """
    able = [c for c in study.candidates if study.allows(c)]
    static = [c for c in able if _plain_static(c) and c.status in (Status.OK, Status.GIVEN_UP) and c.quality.get("validation")]
    base = min(static, key=lambda c: drop_so_far(study, c), default=None)
    runtime_alone = float_sibling(study, base) if base else None
    if base is None or runtime_alone is None or not _keeps_quality(study, runtime_alone):
        return None
    suffices = _proves_quality if _proves_quality(study, runtime_alone) else _keeps_quality
    refined = [c for c in study.candidates if c.origin and c.origin.changed in WORDS]
    if any(suffices(study, c) for c in (*static, *refined)) or _too_slow(study, base):
        return None
    tried = {c.origin.changed for c in refined if c.origin}
    left = next(((name, text, title) for name, text, title in REFINED if name not in tried), None)
    return _refined(study, base, left) if left else _mixture(study, base, [c for c in able if suffices(study, c)])


def _refined(study: Study, base: Candidate, how: tuple[str, str, str]) -> Add:
    """Return ``base`` with its quantization refined, as a candidate to add."""
    plain, (name, text, title) = recipe_of(base), how
    recipe = Recipe(free(study, f"{base.name}-{name}"), plain.steps[:-1] + parse_recipe(text), plain.runtime, plain.options, title)
    return Add(candidate_of(recipe, Origin(base.name, name)), base.name)


def _mixture(study: Study, base: Candidate, enough: Sequence[Candidate]) -> Add | None:
    """Return ``base`` with some layers in float: bisection (of the logarithm) over how many of the ranked layers stay there."""
    tried = {int(c.origin.amount or 0): c for c in study.candidates if c.origin and _made_of(base, c, MIXED)}
    if not tried:
        keep = min(FIRST_KEPT, _layers(base) // 2)
        return _mix(study, base, keep) if keep else None
    if len(tried) >= MOST_MIXED or any(c.status not in (Status.OK, Status.GIVEN_UP) for c in tried.values()):
        return None
    layers = max(len(c.sensitivity_db) for c in tried.values())
    kept_enough = [kept for kept, c in tried.items() if c in enough]
    low = max((kept for kept in tried if kept not in kept_enough), default=0)
    high = min(kept_enough, default=layers)
    keep = max(low + 1, math.isqrt((low + 1) * high))
    slow = any(kept < keep and _too_slow(study, c) for kept, c in tried.items())
    return None if keep >= high or keep > layers / 2 or slow else _mix(study, base, keep)


def _made_of(base: Candidate, candidate: Candidate, how: str) -> bool:
    """Return whether a candidate is another one, changed so."""
    return candidate.origin is not None and (candidate.origin.base, candidate.origin.changed) == (base.name, how)


def _layers(base: Candidate) -> int:
    """Return how many convolutions, matrix products and the like are in INT8; many where the steps don't tell."""
    told = [step.notes["quantized_operators"] for step in base.steps if isinstance(step.notes.get("quantized_operators"), int)]
    return int(told[-1]) if told else 2 * FIRST_KEPT


def _mix(study: Study, base: Candidate, keep: int) -> Add:
    """Return ``base`` with the ``keep`` layers that suffer most in float, as a candidate to add."""
    recipe = mixed(recipe_of(base), keep, free(study, f"{base.name}-keep{keep}"))
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
