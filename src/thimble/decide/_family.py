"""Find related candidates of a study: a difference in their steps explains a difference in their figures.

What a step is and does is read from its class and its `effects`, never guessed from names or from the text of a recipe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from thimble.core.errors import ThimbleError
from thimble.core.recipe import parse_recipe, split_recipe
from thimble.core.step import Step, step_name
from thimble.core.study import Candidate, Study


@dataclass(frozen=True)
class Unknown:
    """A step of a stored recipe that isn't registered here, or not with these settings: what it does is not known."""

    text: str
    effects: ClassVar[tuple[str, ...]] = ()


Steps = tuple[Step | Unknown, ...]


def steps_of(candidate: Candidate) -> Steps:
    """Return the steps of a candidate's recipe; none for ``as given``."""
    return _steps_of(candidate.recipe)


@lru_cache(maxsize=1024)
def _steps_of(recipe: str) -> Steps:
    try:
        terms = split_recipe(recipe)
    except ThimbleError:
        return (Unknown(recipe),)
    return tuple(step for term in terms for step in _known(term))


def _known(term: str) -> Steps:
    try:
        return parse_recipe(term)
    except ThimbleError:
        return (Unknown(term),)


def does(candidate: Candidate, effect: str) -> bool:
    """Return whether a step has this effect, such as ``quantize``."""
    return any(effect in step.effects for step in steps_of(candidate))


def uses(candidate: Candidate, *names: str) -> bool:
    """Return whether a step is registered under one of these names."""
    return any(is_step(step, *names) for step in steps_of(candidate))


def is_step(step: Step | Unknown, *names: str) -> bool:
    """Return whether a step is registered under one of these names."""
    return not isinstance(step, Unknown) and step_name(step) in names


def on_noise(step: Step | Unknown) -> bool:
    """Return whether a step calibrates on random noise."""
    return getattr(step, "calibration", None) == "noise"


def essence(candidate: Candidate) -> Steps:
    """Return the steps that change the network, without exports and without steps that change nothing."""
    return tuple(step for step in steps_of(candidate) if isinstance(step, Unknown) or (step.effects and "export" not in step.effects))


def related(study: Study, candidate: Candidate, change: Callable[[Steps], Steps]) -> Candidate | None:
    """Return another measured candidate in the same runtime whose steps are this candidate's, changed; else ``None``."""
    wanted = change(essence(candidate))
    if wanted == essence(candidate):
        return None
    same = (c for c in study.candidates if c.ok and c.runtime == candidate.runtime and c.options == candidate.options)
    return next((c for c in same if essence(c) == wanted), None)


def float_sibling(study: Study, candidate: Candidate) -> Candidate | None:
    """Return the candidate with the same network in the same runtime, not quantized."""
    return related(study, candidate, lambda steps: tuple(step for step in steps if "quantize" not in step.effects))


def untouched(study: Study, candidate: Candidate) -> Candidate | None:
    """Return the candidate with the unchanged network in the same runtime: it shows what the runtime alone gives."""
    return related(study, candidate, lambda steps: ())
