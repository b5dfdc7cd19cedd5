"""Which candidates of a study are related: what differs between two of them is then the cause of what they differ in."""

from __future__ import annotations

from collections.abc import Callable

from thimble.core.study import Candidate, Study

EXPORTS = ("to_", "onnx_rank_layers")
"""How steps are called that change the format alone, or nothing."""


def terms(recipe: str) -> list[str]:
    """The steps of a recipe's text; none for ``as given``."""
    return [] if recipe in ("", "as given") else recipe.split(" + ")


def name_of(term: str) -> str:
    """``prune_channels(0.3)`` is ``prune_channels``."""
    return term.partition("(")[0].strip()


def uses(candidate: Candidate, word: str) -> bool:
    """Whether a step of the recipe has ``word`` in its name."""
    return any(word in name_of(term) for term in terms(candidate.recipe))


def essence(candidate: Candidate) -> tuple[str, ...]:
    """The steps that change the network, without those that change its format alone, or nothing."""
    return tuple(term for term in terms(candidate.recipe) if not name_of(term).startswith(EXPORTS))


def related(study: Study, candidate: Candidate, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Candidate | None:
    """Another measured candidate in the same runtime whose steps are this one's, changed; ``None`` where there is none."""
    wanted = change(essence(candidate))
    if wanted == essence(candidate):
        return None
    same = (c for c in study.candidates if c.ok and c.runtime == candidate.runtime and c.options == candidate.options)
    return next((c for c in same if essence(c) == wanted), None)


def float_sibling(study: Study, candidate: Candidate) -> Candidate | None:
    """The same network in the same runtime, not quantized."""
    return related(study, candidate, lambda steps: tuple(term for term in steps if "quantize" not in name_of(term)))


def untouched(study: Study, candidate: Candidate) -> Candidate | None:
    """The network as it came, in the same runtime: what the runtime alone gives."""
    return related(study, candidate, lambda steps: ())
