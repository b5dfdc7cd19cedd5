"""What a sweep's studies found, as values: one line a study."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from thimble.core.summary import Row


class State(StrEnum):
    """How a study of a sweep ended."""

    MET = "met"
    NOT_PROVEN = "not proven"
    FAILED = "failed"
    NOT_BEGUN = "not begun"


@dataclass(frozen=True)
class Swept:
    """One study of a sweep: what was asked, how it ended, and the row of what it would ship.

    ``state`` is ``met`` (the chosen candidate is proven to keep the limits), ``not proven``, ``failed`` with its ``reason``, or ``not
    begun``. ``folder`` lies in the sweep's. ``limits`` are those that were set, in words.
    """

    name: str
    model: str
    data: str
    device: str
    limits: str
    folder: str
    state: State
    reason: str = ""
    row: Row | None = None
    machine: str = ""
    complete: bool = False


@dataclass(frozen=True)
class Sweep:
    """All studies of a sweep, in order."""

    studies: tuple[Swept, ...]
