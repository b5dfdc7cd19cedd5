"""Core ML's packages: a program with its weights in ``model.mlpackage``, a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

TITLE = "a program of Core ML"
SUFFIXES = (".mlmodel",)
BESIDE: tuple[str, ...] = ()

PACKAGE = "model.mlpackage"
MAIN = f"{PACKAGE}/Data/com.apple.CoreML/model.mlmodel"
"""Path of the program in an artifact's folder."""
MOST_DEEP = 40
"""Messages inside each other that are looked into; a network's are a dozen deep."""


def fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Numbers and values of a protocol buffer's fields, one level deep. Raises ``ValueError`` for bytes that are none."""
    place = 0
    while place < len(data):
        key, place = _number(data, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _number(data, place)
            yield number, value
        elif kind in (1, 2, 5):
            size, place = _number(data, place) if kind == 2 else ((8, place) if kind == 1 else (4, place))
            if place + size > len(data):
                raise ValueError("a field goes beyond the end")
            yield number, data[place : place + size]
            place += size
        else:
            raise ValueError(f"no field has the kind {kind}")
        if number == 0:
            raise ValueError("no field has the number 0")


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A number in seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise ValueError("a number goes beyond the end")
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if not byte & 0x80:
            return value, place


def texts(data: bytes, depth: int = 0) -> Iterator[str]:
    """Yield every text in a protocol buffer, of any message; bytes that may be a text count as one."""
    try:
        parts = [value for _, value in fields(data) if isinstance(value, bytes)]
    except ValueError:
        return
    for part in parts:
        if len(part) < 4096 and part.isascii() and (text := part.decode("ascii")).isprintable():  # what isn't is a message
            yield text
        if depth < MOST_DEEP:
            yield from texts(part, depth + 1)


def kinds(path: Path) -> set[int]:
    """Numbers of the fields that the program has at its top: which kind of model it is. Raises ``ValueError``."""
    return {number for number, _ in fields(path.read_bytes())}
