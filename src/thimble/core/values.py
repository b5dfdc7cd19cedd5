"""Small values that flow everywhere: tensor specifications, files, and the exact text of settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MB = 1_000_000
"""Bytes in a megabyte, as disks, app stores and this project count them."""


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and type of one input or output tensor.

    ``shape`` counts the batch dimension; ``None`` is a dimension of any size, a string a named one.
    ``dtype`` is a NumPy type name. ``sizes`` is a shape that works, where some are free. An input with a ``value`` is
    filled with that number where the data don't give it.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"
    sizes: tuple[int, ...] | None = field(default=None, repr=False)
    value: float | None = field(default=None, repr=False)

    def with_batch(self, batch: int) -> tuple[int, ...]:
        """The shape with ``batch`` in place of a free first dimension, and for any other free one a size that works, else 1."""
        known = self.sizes or (1,) * len(self.shape)
        rest = (other if size is None else size for size, other in zip(self.shape[1:], known[1:], strict=True))
        return (batch if self.shape[0] is None else self.shape[0], *rest) if self.shape else ()


@dataclass(frozen=True)
class File:
    """One file of an artifact: its path relative to the artifact's folder, bytes and SHA-256."""

    path: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path, root: Path) -> File:
        """Read ``path`` once and describe it relative to ``root``."""
        return cls(path.relative_to(root).as_posix(), path.stat().st_size, sha256_of(path))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(*parts: Any) -> str:
    """A short stable digest of JSON-like values, for addresses in the store (24 hex digits = 96 bits)."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def listed(names: Iterable[str], limit: int = 8) -> str:
    """``a, b and 3 more``: names for a message, cut where they would flood it."""
    given = list(names)
    shown = ", ".join(given[:limit])
    return shown if len(given) <= limit else f"{shown} and {len(given) - limit} more"


def brief(text: str, most: int = 80) -> str:
    """A text for a message, its middle cut out where it would flood it."""
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"


def first_line(error: object) -> str:
    """The first line of an error's text that says something, or the error's type where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def seconds_of(text: str) -> float:
    """``60``, ``60s``, ``2m`` or ``1h`` → seconds; raises ``ValueError`` for anything else, and for what is not above 0."""
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:])
    found = float(text[:-1] if unit else text) * (unit or 1)
    if not 0 < found < float("inf"):
        raise ValueError(f"{text!r} is no length of time")
    return found
