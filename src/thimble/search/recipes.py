"""Recipes of a study's candidates, and candidates of recipes."""

from __future__ import annotations

from thimble.core.recipe import Recipe, parse_recipe
from thimble.core.study import Candidate, Origin, Study
from thimble.core.verdict import Status


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


def free(study: Study, name: str) -> str:
    """Return the name, with a number behind it where another candidate has it."""
    taken = {candidate.name for candidate in study.candidates}
    return next(one for one in (name, *(f"{name}-{i}" for i in range(2, len(taken) + 3))) if one not in taken)
