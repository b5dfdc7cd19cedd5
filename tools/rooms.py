"""Counts of the house: rooms and their floors, arrows between them, circles, and what is longer than it should be.

    python tools/rooms.py          (or: make rooms)

Ends with 1 where the package root holds a loose module, or rooms import each other in a circle. Lengths are printed, and no error.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp

PACKAGE = "thimble"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE
ROOT = {"__init__.py", "__main__.py", "py.typed"}
LINES, FUNCTION_LINES, PARAMETERS = 300, 50, 6


def arrows() -> dict[str, set[str]]:
    """The rooms that each room imports."""
    graph = grimp.build_graph(PACKAGE)
    rooms: dict[str, set[str]] = {room.rpartition(".")[2]: set() for room in graph.find_children(PACKAGE) if graph.find_children(room)}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            one, other = (name.split(".")[1] if "." in name else "" for name in (module, imported))
            if one in rooms and other in rooms and one != other:
                rooms[one].add(other)
    return rooms


def circles(rooms: dict[str, set[str]]) -> list[str]:
    """Rooms that reach themselves."""

    def reached(room: str) -> set[str]:
        found: set[str] = set()
        waiting = list(rooms[room])
        while waiting:
            if (one := waiting.pop()) not in found:
                found.add(one)
                waiting += rooms[one]
        return found

    return sorted(room for room in rooms if room in reached(room))


def floors(rooms: dict[str, set[str]]) -> dict[str, int]:
    """How many rooms stand below each other under a room, itself included. Needs rooms without a circle."""

    @cache
    def height(room: str) -> int:
        return 1 + max((height(below) for below in rooms[room]), default=0)

    return {room: height(room) for room in rooms}


def too_long() -> Iterator[str]:
    """Files, functions and parameter lists past their usual length."""
    for path in sorted(SOURCE.rglob("*.py")):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(SOURCE)
        if (lines := text.count("\n")) > LINES:
            yield f"{name}: {lines} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg not in ("self", "cls")]
                if length > FUNCTION_LINES:
                    yield f"{name}: {node.name} has {length} lines"
                if len(names) > PARAMETERS:
                    yield f"{name}: {node.name} has {len(names)} parameters"


def loose() -> list[str]:
    """Files at the package root that belong in a room."""
    return sorted(path.name for path in SOURCE.iterdir() if path.is_file() and path.name not in ROOT)


def main() -> int:
    """Print the counts; 1 where the house is broken."""
    rooms = arrows()
    broken = [*(f"{name} stands at the package root" for name in loose()), *(f"{room} is in a circle" for room in circles(rooms))]
    if not broken:
        heights = floors(rooms)
        for floor in sorted(set(heights.values()), reverse=True):
            print(f"floor {floor}: {', '.join(sorted(room for room, height in heights.items() if height == floor))}")
        print(f"{len(rooms)} rooms on {max(heights.values())} floors, {sum(map(len, rooms.values()))} arrows, no circle")
    for line in too_long():
        print(f"long: {line}")
    for line in broken:
        print(f"broken: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
