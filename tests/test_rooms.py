"""The house: what stands at the package root, and how rooms lean on each other."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOMS = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "rooms.py"))


def test_nothing_is_loose_and_rooms_stand_on_eight_floors_at_most() -> None:
    rooms = ROOMS["arrows"]()
    assert ROOMS["loose"]() == []
    assert ROOMS["circles"](rooms) == []
    assert max(ROOMS["floors"](rooms).values()) <= 8
    assert rooms["core"] == set()


@pytest.mark.parametrize(
    ("rooms", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, ["a", "b"]),
    ],
)
def test_circles_are_found(rooms: dict[str, set[str]], found: list[str]) -> None:
    assert ROOMS["circles"](rooms) == found


def test_floors_are_counted_along_the_longest_way() -> None:
    assert ROOMS["floors"]({"top": {"low", "middle"}, "middle": {"low"}, "low": set()}) == {"top": 3, "middle": 2, "low": 1}
