"""The contents of artifacts' files: one format per file, with its suffixes, stored tensors, MACs and numbers.

A format is found by its module's name, or by a file's suffix; one without a module has neither.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from thimble.core.artifact import MANIFEST, Artifact
from thimble.core.errors import BadInput
from thimble.core.model import NHWC, Model
from thimble.core.preprocess import Preprocess
from thimble.core.seen import SEEN
from thimble.core.text import brief
from thimble.core.values import File, TensorSpec

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


@dataclass(frozen=True)
class Ends:
    """What a file takes and gives, as far as it tells: inputs by name, and names of outputs (empty: they show when it runs).

    ``unshaped`` names the inputs whose shapes it doesn't tell.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    unshaped: tuple[str, ...] = ()


class Described(Protocol):
    """A format's module that tells what a file takes and gives."""

    def ends(self, path: Path) -> Ends:
        """Read from the file; raises what the library raises."""
        ...


class Format(Protocol):
    """What a module in this package offers.

    ``TITLE`` is for people. ``SUFFIXES`` are those of its main file, the first as `main_file` wants it; ``BESIDE`` those of
    files that lie beside it under the same name. A module may lack `tensors`, `macs` and `subnormal_activations`. It may
    have ``holds(path) -> bool``, where files of other kinds bear the same suffix, ``ends(path) -> Ends``, ``endings(path)``:
    the operator that each output ends with, by the output's name or place, ``MAIN``: the main file's path in a folder, where that lies
    deeper, and ``purposes(path)``: bytes by what they are for.
    """

    TITLE: str
    SUFFIXES: tuple[str, ...]
    BESIDE: tuple[str, ...]

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
    if name not in formats():
        return None
    return cast("Format", importlib.import_module(f"{__name__}.{name}"))


@cache
def formats() -> dict[str, tuple[str, ...]]:
    """Every format with the suffixes of its main file."""
    names = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module.SUFFIXES for name, module in modules.items() if hasattr(module, "SUFFIXES")}


def format_of(path: Path) -> str | None:
    """The format that a file's suffix tells, and its contents where the suffix doesn't; ``None`` for any other file."""
    for name, suffixes in formats().items():
        if path.suffix.lower() in suffixes:
            holds = getattr(format_named(name), "holds", None)
            if holds is None or (path.is_file() and holds(path)):
                return name
    return None


def main_file(folder: Path, format: str) -> Path:
    """The file that a runtime opens, of those called ``model.*``: the one with the format's suffix, or where its format has it."""
    fixed = getattr(format_named(format), "MAIN", None)
    if fixed and (folder / fixed).is_file():
        return folder / str(fixed)
    paths = sorted(path for path in folder.glob("model.*") if path.is_file())
    if not paths:
        raise BadInput(f"{folder} holds no file called model.*; it is not an artifact")
    return next((path for suffix in formats().get(format, ()) for path in paths if path.suffix == suffix), paths[0])


def check_main(artifact: Artifact, folder: Path) -> None:
    """Raise `BadInput` for an artifact whose main file has another suffix than its format's files."""
    suffixes = formats().get(artifact.format)
    if suffixes and Path(artifact.main).suffix not in suffixes:
        raise BadInput(
            f"{folder / MANIFEST} can't be used: its format is {artifact.format}, whose files end in {suffixes[0]}, and its main file "
            f"is {brief(repr(artifact.main))}"
        )


def ending_of(folder: Path, artifact: Artifact) -> str | None:
    """Return how the first output of an artifact ends: ``sigmoid``, ``softmax``, ``log_softmax``, ``linear`` or ``None``."""
    read = getattr(format_named(artifact.format), "endings", None)
    if read is None:
        return None
    try:
        found: dict[str, str] = read(folder / artifact.main)
    except Exception:  # a file that a runtime opens may still be of a kind that isn't read here; its outputs tell then
        return None
    return found.get(artifact.outputs[0] if artifact.outputs else "", found.get("0"))


def describe(model: Model, preprocess: Preprocess | None, labels: tuple[str, ...]) -> Artifact:
    """The artifact that a model's folder is; every file in it ships, its main one is called ``model.*``.

    ``preprocess`` is the task's: a file whose images have channels last gets it so.
    """
    folder = model.folder
    if preprocess is not None and any(spec.layout == NHWC for spec in model.inputs):
        preprocess = replace(preprocess, layout="hwc")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, SEEN))
    return Artifact(
        model.format,
        main_file(folder, model.format).relative_to(folder).as_posix(),
        tuple(File.of(path, folder) for path in paths),
        model.inputs,
        model.outputs,
        preprocess,
        labels,
    )
