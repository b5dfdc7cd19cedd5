"""A new artifact checked against an old one: each figure with its limit, and what its interval proves."""

from __future__ import annotations

from dataclasses import dataclass

from thimble.core.study import Advice
from thimble.core.summary import Interval
from thimble.core.verdict import Proof


@dataclass(frozen=True)
class Bounds:
    """What a new artifact may cost: shares of the old one's latency and size, points of quality; ``None`` is no limit."""

    latency: float | None = None
    size: float | None = None
    quality: float | None = None


@dataclass(frozen=True)
class Figure:
    """One figure of a check.

    ``name`` is ``latency``, ``size`` or ``quality``. ``change`` is the growth in percent of the old one's, or for quality the
    drop in points: positive is worse. It is ``None`` where nothing is known, and ``reason`` says why. ``most`` is the limit in the
    same unit, and ``proof`` what is proven of it; both are ``None`` where no limit was set.
    """

    name: str
    change: Interval | None
    unit: str
    most: float | None
    proof: Proof | None
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """One artifact ``new`` against ``old``. ``how`` says what the latency's change comes from, ``warnings`` what was odd about that."""

    old: str
    new: str
    figures: tuple[Figure, ...]
    how: str
    warnings: tuple[Advice, ...] = ()

    @property
    def broken(self) -> tuple[Figure, ...]:
        """Return the figures that are proven to break their limits."""
        return tuple(figure for figure in self.figures if figure.proof == Proof.BROKEN)

    @property
    def open(self) -> tuple[Figure, ...]:
        """Return the figures that are proven neither to meet nor to break their limits."""
        return tuple(figure for figure in self.figures if figure.proof == Proof.NOT_PROVEN)
