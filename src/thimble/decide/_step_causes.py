"""Causes that a candidate's own steps noted: what they had to leave out, and why."""

from __future__ import annotations

from thimble.core.study import Candidate, Finding, Study
from thimble.core.summary import Row
from thimble.core.values import listed
from thimble.decide import _words as words

NAMED = 6
"""Operators or layers that a sentence names."""


def left_in_float(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find operators that the quantizer or the runtime couldn't handle, so that they stayed in float."""
    names, reason = _noted(candidate, "left_in_float")
    if not names:
        return None
    many = words.counted(len(names), "operator")
    text = f"{many} can't be quantized and {'stays' if len(names) == 1 else 'stay'} in float: {listed(names, NAMED)} ({reason})"
    return Finding("left-in-float", f"{text}.", {"operators": names})


def float_subgraphs(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find convolutions, matrix products and recurrent layers inside If, Loop and Scan that no step quantized."""
    counts = [int(step.notes["float_operators_in_subgraphs"]) for step in candidate.steps if "float_operators_in_subgraphs" in step.notes]
    if not counts:
        return None
    many = words.counted(counts[-1], "heavy operator")
    return Finding(
        "float-subgraphs",
        f"{many} inside If, Loop or Scan {'stays' if counts[-1] == 1 else 'stay'} in float. Where a branch depends on a single number, fix "
        "it with --set: the branch then becomes part of the main graph.",
        {"operators": counts[-1]},
    )


def left_unpruned(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find layers whose groups can't lose channels."""
    names, reason = _noted(candidate, "left_unpruned")
    if not names:
        return None
    many = words.counted(len(names), "group")
    text = f"{many} of layers {'keeps' if len(names) == 1 else 'keep'} all channels, since removing them breaks the network: "
    return Finding("left-unpruned", f"{text}{listed(names, NAMED)} ({reason}).", {"layers": names})


def _noted(candidate: Candidate, note: str) -> tuple[list[str], str]:
    """The names that the candidate's steps noted, and the reason beside them."""
    for step in candidate.steps:
        if names := step.notes.get(note):
            return [str(name) for name in names], str(step.notes.get("left_reason", "the tool fails on it"))
    return [], ""
