"""Studies side by side: what changed from the first to each other one, and what is proven to have changed.

Made by ``recommend``, shown by ``report``. Milliseconds never appear: two studies may come from different machines,
and only each one's ratio to its own reference carries over.
"""

from __future__ import annotations

from dataclasses import dataclass

from thimble.core.summary import Interval
from thimble.core.verdict import Changed


@dataclass(frozen=True)
class Side:
    """One study of a comparison: a label that tells it apart, and the conditions a reader needs.

    ``reference`` is the candidate that its speedups are against.
    """

    label: str
    model: str
    task: str
    processor: str
    threads: int
    reference: str
    started: str = ""


@dataclass(frozen=True)
class Change:
    """One figure of one candidate in every study, in the order of the sides; ``None`` where it was not measured.

    ``measure`` is ``speedup``, ``size``, ``quality`` or another figure's name, ``unit`` what stands behind its values.
    A figure without doubt, such as a size, is an interval whose ends are equal. ``verdicts`` are each
    side against the first one (whose own is empty); ``reasons`` say why two are not comparable.
    """

    candidate: str
    measure: str
    unit: str
    values: tuple[Interval | None, ...]
    verdicts: tuple[Changed, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Two or more studies. ``notes`` say what differs between their conditions."""

    sides: tuple[Side, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()

    @property
    def regressions(self) -> tuple[Change, ...]:
        """What is proven to have become worse in any later study."""
        return tuple(change for change in self.changes if Changed.WORSE in change.verdicts)
