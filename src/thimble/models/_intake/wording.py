"""Counts in the notes."""

from __future__ import annotations


def count(number: int, noun: str, rest: str, plural: str | None = None) -> str | None:
    """``2 batch norms folded``; ``None`` for none.

    >>> count(2, "shared bias", "kept apart", "shared biases"), count(1, "batch norm", "folded"), count(0, "weight", "lost")
    ('2 shared biases kept apart', '1 batch norm folded', None)
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'} {rest}" if number > 0 else None
