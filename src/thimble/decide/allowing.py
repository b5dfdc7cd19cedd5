"""Say what allowing another runtime would gain, where a study may choose only some."""

from __future__ import annotations

from dataclasses import replace

from thimble.core.registry import runtime_title, speed_counts
from thimble.core.study import Study
from thimble.core.summary import Row
from thimble.core.verdict import Proof, Status
from thimble.decide import _words as words
from thimble.decide.choose import PACKING, choose, cost
from thimble.decide.limits import limits_of
from thimble.decide.pairs import speedup_over
from thimble.decide.rows import only_split, row_of

FIGURES = {"size": ("smaller", "size_mb"), "memory": ("less memory", "memory_mb")}


def gain(study: Study, chosen: Row | None) -> str:
    """Return one sentence, by figures of the validation split; empty where every runtime may be chosen, or no other was measured.

    Only proven gains count: limits that are met, or more speed (less size or memory, as the study minimizes).
    """
    others = [c for c in study.candidates if c.ok and not study.allows(c) and speed_counts(c.runtime)]
    if not study.runtimes or not others:
        return ""
    blind = only_split(study, "validation")
    name = choose(replace(study, runtimes=()))
    best = next((row_of(blind, blind.candidate(c.name)) for c in others if c.name == name), None)
    if best is not None and (gained := _gained(study, blind, best, chosen)):
        return f"Allowing {runtime_title(best.runtime)} would gain: {best.name} {gained}, on the validation split."
    tried = words.joined(dict.fromkeys(runtime_title(c.runtime) for c in others))
    return f"No gain is proven from allowing another runtime; tried: {tried}."


def _gained(study: Study, blind: Study, best: Row, chosen: Row | None) -> str:
    if chosen is None or chosen.status != Status.OK:
        return "works, which no candidate of the allowed runtimes does"
    mine = limits_of(row_of(blind, blind.candidate(chosen.name)), study.limits)
    theirs = limits_of(best, study.limits)
    if set(theirs.values()) <= {Proof.MET} and (short := [name for name, proof in mine.items() if proof != Proof.MET]):
        return f"keeps the limit on {words.joined(short)}"
    what = study.limits.minimize
    if what in FIGURES:
        here, there = cost(row_of(blind, blind.candidate(chosen.name)), what), cost(best, what)
        return f"is {words.figure(here / there)}x {FIGURES[what][0]}" if there > 0 and here > (1 + PACKING) * there else ""
    ratio = speedup_over(study, best.name, chosen.name) if speed_counts(chosen.runtime) else None
    return f"is {words.speed(ratio, chosen.name)}" if ratio is not None and ratio.low > 1 else ""
