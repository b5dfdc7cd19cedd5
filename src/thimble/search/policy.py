"""Which candidate a fit tries next, from what is known of the others."""

from __future__ import annotations

from thimble.core.study import Study
from thimble.search.actions import Add, Budget
from thimble.search.precision import truer
from thimble.search.recipes import trains, waits
from thimble.search.removal import removal


def following(study: Study, budget: Budget) -> str | Add | None:
    """Return the name of the candidate to build next, or one to add; ``None`` where nothing is left (`why_ended` says why).

    Candidates stand in the study in the order of their prospects. Those that train wait until truer forms of INT8, which need no
    training, are searched. Structure is removed at last, for as long as there is time. While jobs run, what they will tell is unknown:
    only what follows whatever they tell is begun beside them.
    """
    waiting = [c for c in study.candidates if waits(c) and c.name not in budget.doing]
    quick = next((c for c in waiting if not trains(c)), None)
    if quick is not None:
        return quick.name
    if any(c.name in budget.doing and not trains(c) for c in study.candidates):
        return None
    if not study.ended and (form := truer(study)) is not None:
        return form
    if waiting or study.ended or budget.running:
        return waiting[0].name if waiting else None
    found = removal(study, budget) if "train" in study.task.splits else None
    return found if isinstance(found, Add) else None


def why_ended(study: Study, budget: Budget) -> str:
    """Return why nothing more is tried."""
    if any(waits(c) for c in study.candidates):
        return "the time budget was used up"
    found = removal(study, budget) if "train" in study.task.splits else "nothing is left to try without data to train on"
    return found if isinstance(found, str) else "the time budget was used up"
