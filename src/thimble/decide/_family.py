"""Find related candidates of a study: a difference in their steps explains a difference in their figures."""

from __future__ import annotations

from collections.abc import Callable

from thimble.core.study import Candidate, Study

EXPORTS = ("to_", "onnx_rank_layers")
"""How steps are called that change the format alone, or nothing."""


def terms(recipe: str) -> list[str]:
    """Return the steps of a recipe's text; none for ``as given``."""
    return [] if recipe in ("", "as given") else recipe.split(" + ")


def name_of(term: str) -> str:
    """Return the step's name: ``prune_channels`` for ``prune_channels(0.3)``."""
    return term.partition("(")[0].strip()


def uses(candidate: Candidate, word: str) -> bool:
    """Return whether a step of the recipe has ``word`` in its name."""
    return any(word in name_of(term) for term in terms(candidate.recipe))


def essence(candidate: Candidate) -> tuple[str, ...]:
    """Return the steps that change the network, without exports and without steps that change nothing."""
    return tuple(term for term in terms(candidate.recipe) if not name_of(term).startswith(EXPORTS))


def related(study: Study, candidate: Candidate, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Candidate | None:
    """Return another measured candidate in the same runtime whose steps are this candidate's, changed; else ``None``."""
    wanted = change(essence(candidate))
    if wanted == essence(candidate):
        return None
    same = (c for c in study.candidates if c.ok and c.runtime == candidate.runtime and c.options == candidate.options)
    return next((c for c in same if essence(c) == wanted), None)


def float_sibling(study: Study, candidate: Candidate) -> Candidate | None:
    """Return the candidate with the same network in the same runtime, not quantized."""
    return related(study, candidate, lambda steps: tuple(term for term in steps if "quantize" not in name_of(term)))


def untouched(study: Study, candidate: Candidate) -> Candidate | None:
    """Return the candidate with the unchanged network in the same runtime: it shows what the runtime alone gives."""
    return related(study, candidate, lambda steps: ())
