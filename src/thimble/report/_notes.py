"""What steps and probes left, whatever its shape, as a few words: never a dump that floods a page."""

from __future__ import annotations

from typing import Any

from thimble.core.text import plain
from thimble.report import _words as words

MOST = 4
"""Entries of a list or a mapping that are shown; the others are counted."""


def note(value: Any) -> str:
    """A value in words.

    >>> note({"low": -2.127, "high": 2.631, "clipped": True}), note([1.0] * 128), note([])
    ('low -2.13, high 2.63, clipped yes', '128 numbers', 'none')
    """
    if isinstance(value, bool) or value is None:
        return "none" if value is None else "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else words.figure(value)
    if isinstance(value, dict):
        return _some([_entry(key, one) for key, one in value.items()], "; " if any(map(_several, value.values())) else ", ")
    if isinstance(value, list | tuple):
        if len(value) > MOST and all(isinstance(one, int | float) for one in value):
            return f"{len(value)} numbers"
        return _some([note(one) for one in value], "; " if any(map(_several, value)) else ", ")
    return plain(value)


def _entry(key: Any, value: Any) -> str:
    return f"{plain(key).replace('_', ' ')}{':' if _several(value) else ''} {note(value)}"


def _several(value: Any) -> bool:
    return isinstance(value, dict | list | tuple) and len(value) > 0


def _some(parts: list[str], between: str) -> str:
    shown = parts[:MOST] + ([f"and {len(parts) - MOST} more"] if len(parts) > MOST else [])
    return between.join(shown) or "none"
