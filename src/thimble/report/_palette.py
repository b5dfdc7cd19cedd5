"""Colours that people with any colour vision tell apart (Okabe and Ito 2008), and a mark's shape that says the same again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

BASELINE = "#4d4d4d"
SKY, BLUE, ORANGE, GREEN, PURPLE, VERMILION, YELLOW = "#56b4e9", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#b8a800"


@dataclass(frozen=True)
class Look:
    """A colour, and a shape by its name in matplotlib and in Vega."""

    colour: str
    marker: str
    shape: str


LOOKS = (
    Look(BLUE, "o", "circle"),
    Look(ORANGE, "s", "square"),
    Look(GREEN, "D", "diamond"),
    Look(PURPLE, "^", "triangle-up"),
    Look(VERMILION, "v", "triangle-down"),
    Look(SKY, "P", "cross"),
    Look(YELLOW, "<", "triangle-left"),
    Look(BASELINE, ">", "triangle-right"),
)


def looks(runtimes: Iterable[str]) -> dict[str, Look]:
    """A look for each runtime, in order of appearance; from the ninth on they repeat."""
    found = list(dict.fromkeys(runtimes))
    return {name: LOOKS[i % len(LOOKS)] for i, name in enumerate(found)}
