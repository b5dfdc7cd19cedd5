"""Which operators a tool can't handle, where it doesn't say: found by leaving parts of them out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from thimble.core.errors import StepFailed

MOST = 80
"""Attempts after which the search ends: each is one run of the tool."""

Works = Callable[[Collection[str]], bool]
"""Whether the tool's result is good when these operators are left out."""


def troublemakers(kinds: Mapping[str, str], works: Works) -> list[str]:
    """Operators that must be left out so that the rest works, as few as bisection finds; ``kinds`` has each name's type.

    First by type, since a tool fails on a type more often than on one operator. Raises `StepFailed` where leaving out
    every operator doesn't help, or the search takes too long.
    """
    left = MOST

    def counted(out: Collection[str]) -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            raise StepFailed(f"too many operators fail: none of {MOST} attempts found which")
        return works(out)

    if not counted(list(kinds)):
        raise StepFailed("it fails even with every operator left in float")
    types = sorted(set(kinds.values()))
    bad = _needed(types, [], lambda out: counted([name for name, kind in kinds.items() if kind in out]))
    return _needed([name for name, kind in kinds.items() if kind in bad], [], counted)


def _needed(part: Sequence[str], always: list[str], works: Works) -> list[str]:
    """Members of ``part`` that must be out beside ``always``; all of ``part`` together are known to suffice."""
    if works(always):
        return []
    if len(part) == 1:
        return list(part)
    first, second = part[: len(part) // 2], part[len(part) // 2 :]
    of_first = _needed(first, [*always, *second], works)
    return of_first + _needed(second, [*always, *of_first], works)
