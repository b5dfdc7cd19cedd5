"""What is tried where only some runtimes may be used: theirs, and one recipe of each other runtime, to say what that would gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from thimble.core.errors import BadInput
from thimble.core.recipe import Recipe
from thimble.core.registry import RUNTIMES, runs_here, runtime_title
from thimble.core.values import listed
from thimble.search.candidates import Situation, prospects
from thimble.search.routes import missing


@dataclass(frozen=True)
class Trials:
    """Recipes, the baseline first; ``reasons`` says by name why one of them can't be tried here."""

    recipes: tuple[Recipe, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)


def trials(situation: Situation, splits: Sequence[str]) -> Trials:
    """Return what to try in a situation; ``splits`` are the data there are.

    Where the situation names ``only`` some runtimes, these come first, with what is missing for a recipe of theirs; then what usually
    pays best in each other runtime that is installed. The baseline stays what it is, since every figure is compared with it. Raises
    `BadInput` where nothing can be tried in any of them: what to install, or that no recipe leads there.
    """
    here, only = prospects(situation), situation.only
    if not only:
        return Trials(here)
    every = prospects(replace(situation, installed=lambda module: True, runtimes=None))
    reasons = {recipe.name: _reason(recipe, situation, splits) for recipe in every if recipe.runtime in only}
    names = {recipe.name for recipe in here}
    absent = [recipe for recipe in every if recipe.runtime in only and recipe.name not in names]
    mine = [recipe for recipe in here[1:] if recipe.runtime in only]
    if not mine and here[0].runtime not in only:
        said = dict.fromkeys(reasons[recipe.name] for recipe in absent)
        wanted = f"{listed([runtime_title(name) for name in sorted(only)])} can't be used here"
        raise BadInput(f"{wanted}: {'; '.join(said) or _nowhere(situation)}")
    foreign = dict.fromkeys(recipe.runtime for recipe in here[1:] if recipe.runtime not in only)
    others = [recipe for name in foreign if (recipe := _best(here[1:], name))]
    return Trials((here[0], *mine, *absent, *others), {recipe.name: reasons[recipe.name] for recipe in absent})


def _nowhere(situation: Situation) -> str:
    """Return why not even a recipe is known."""
    elsewhere = [RUNTIMES.get(name).title for name in sorted(situation.only) if not runs_here(RUNTIMES.get(name))]
    return (
        f"{listed(elsewhere)} runs on another operating system"
        if elsewhere
        else f"no recipe leads there from the format {situation.format}"
    )


def _reason(recipe: Recipe, situation: Situation, splits: Sequence[str]) -> str:
    """Return why a recipe that is not among the prospects isn't."""
    if lacks := missing(recipe, situation.installed, splits):
        return lacks
    device = situation.runtimes is not None and recipe.runtime not in situation.runtimes
    return f"{RUNTIMES.get(recipe.runtime).title} is not {'on the device' if device else 'for this operating system'}"


def _best(recipes: Sequence[Recipe], runtime: str) -> Recipe | None:
    """Return what usually pays best in a runtime and needs no training: quantized where that is there, else the first."""
    its = [recipe for recipe in recipes if recipe.runtime == runtime and not any("train" in step.effects for step in recipe.steps)]
    return next((recipe for recipe in its if any("quantize" in step.effects for step in recipe.steps)), its[0] if its else None)
