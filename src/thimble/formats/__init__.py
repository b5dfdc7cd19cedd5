"""What lies in an artifact's files: one format per file, with its stored tensors, its MACs and the numbers inside it.

A format is found by its module's name; one without a module has neither.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from thimble.core.artifact import Artifact

if TYPE_CHECKING:
    from thimble.core.task import Arrays


@dataclass(frozen=True)
class Stored:
    """One stored tensor: its data type, bytes, numbers, how many of those are not zero, and how many are subnormal.

    ``parameter`` tells learned numbers from constants: shapes, scales, zero points, running statistics.
    A quantized number is zero where it stands for zero.
    """

    name: str
    dtype: str
    bytes: int
    count: int
    nonzero: int
    parameter: bool = True
    subnormal: int = 0


class Format(Protocol):
    """What a module in this package offers."""

    def tensors(self, path: Path) -> Iterator[Stored]:
        """Every stored tensor of the main file and those beside it."""
        ...

    def macs(self, path: Path, artifact: Artifact) -> int:
        """MACs of one inference at batch 1."""
        ...

    def subnormal_activations(self, path: Path, inputs: Arrays) -> tuple[int, int]:
        """How many real numbers that operators give on these inputs are subnormal, and how many there are."""
        ...


def format_named(name: str) -> Format | None:
    """The module of a format, or ``None``."""
    if not name.isidentifier() or importlib.util.find_spec(f"{__name__}.{name}") is None:
        return None
    return cast("Format", importlib.import_module(f"{__name__}.{name}"))
