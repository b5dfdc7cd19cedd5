"""Small values that flow everywhere: tensor specifications, files, and the exact text of settings."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thimble.core.errors import BadInput
from thimble.core.paths import opened
from thimble.core.text import brief

KIB = 1024
MB = 1_000_000
"""Bytes in a megabyte, as disks, app stores and this project count them."""

MOST_NUMBERS = 2**27
"""Numbers in an input with all its samples: half a gigabyte in FP32, such as 512 x 512 x 512."""
LONGEST_S = 365 * 24 * 3600.0
"""A year: no length of time that is asked for is longer."""


@dataclass(frozen=True, repr=False)
class TensorSpec:
    """Name, shape and type of one input or output tensor.

    ``shape`` counts the batch dimension; ``None`` is a dimension of any size, a string a named one.
    ``dtype`` is a NumPy type name. ``sizes`` is a shape that works, where some are free. An input with a ``value`` is
    filled with that number where the data don't give it. A ``state`` names the output that is this input at the next step;
    ``axis`` is the place of the batch. ``layout`` is ``nhwc`` where an image's channels come last, other than in the network that the file
    was made of; data that have them first are turned for it. Else it is empty.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"
    sizes: tuple[int, ...] | None = None
    value: float | None = None
    state: str | None = None
    axis: int = 0
    layout: str = ""

    def __repr__(self) -> str:
        """Name, shape and type, and whatever else decides what the input gets."""
        said: dict[str, Any] = {"name": self.name, "shape": self.shape, "dtype": self.dtype}
        more = {"value": self.value, "state": self.state, "axis": self.axis or None, "layout": self.layout or None}
        said |= {name: value for name, value in more.items() if value is not None}
        return f"TensorSpec({', '.join(f'{name}={value!r}' for name, value in said.items())})"

    def with_batch(self, batch: int) -> tuple[int, ...]:
        """The shape with ``batch`` in the batch's place where that is free, and for any other free size one that works, else 1.

        Raises `BadInput` where a tensor of that shape would be too large to be made.
        """
        known = [other or 1 for other in self.sizes or (1,) * len(self.shape)]
        known[self.axis : self.axis + 1] = [batch] if self.shape else []
        return fitting(self.name, tuple(other if size is None else size for size, other in zip(self.shape, known, strict=True)))


def fitting(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an input; raises `BadInput` where it holds more numbers than are ever put into memory."""
    count = math.prod(shape)
    if count > MOST_NUMBERS:
        said, many = brief(" x ".join(map(str, shape))), f"{count:,}" if count < 10**15 else "more than 10^15"
        raise BadInput(f"input {name} of shape {said} has {many} numbers; {MOST_NUMBERS:,} is the most")
    return shape


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
    with opened(path) as stream:
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


def first_line(error: object) -> str:
    """The first line of an error's text that says something, or the error's type where it says nothing.

    A library's advice to load a file without its safeguards is left out.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if any(word in line for line in lines for word in ("weights_only", "Weights only", "allow_pickle", "safe_globals")):
        return "it holds more than plain numbers, and loading it could run code"
    return lines[0] if lines else type(error).__name__


def seconds_of(text: str) -> float:
    """``60``, ``60s``, ``2m`` or ``1h`` → seconds; raises ``ValueError`` for anything else, what is not above 0, or more than a year."""
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:])
    found = float(text[:-1] if unit else text) * (unit or 1)
    if not 0 < found <= LONGEST_S:
        raise ValueError(f"{text!r} is not a length of time")
    return found


def share_of(text: str) -> float:
    """``2%`` or ``0.02`` → a share; raises ``ValueError`` for anything else."""
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)
