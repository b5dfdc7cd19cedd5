"""What a recipe leaves on disk: a folder that holds every file to ship, and ``artifact.json`` that describes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import msgspec

from thimble.core.errors import BadInput
from thimble.core.model import NHWC
from thimble.core.paths import contents
from thimble.core.preprocess import CHANNELS, Preprocess
from thimble.core.reading import converted, decoded
from thimble.core.text import brief
from thimble.core.values import File, TensorSpec

MANIFEST = "artifact.json"
LONGEST = 300
"""Characters of a message about what is wrong."""
LARGEST = 8192
"""Pixels each way of an image that a network takes."""
RESAMPLING = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
"""Pillow's filters."""
LARGEST_FILE = 2**53
"""Bytes of a file: every number up to it is exact in JSON."""
_TYPE = re.compile(r"bool|bfloat16|u?int(4|8|16|32|64)|float(16|32|64|8_\w+)|complex(64|128)")


@dataclass(frozen=True)
class Artifact:
    """A model in its final format. ``main`` is the file that a runtime opens; ``files`` are all that must be shipped.

    ``artifact.json`` itself is not counted, nor is ``seen.bin`` beside it: they describe, and no runtime needs them.
    """

    format: str
    main: str
    files: tuple[File, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes of every file that must be shipped."""
        return sum(file.bytes for file in self.files)


def write_manifest(artifact: Artifact, folder: Path) -> None:
    """Write ``artifact.json`` into the artifact's folder."""
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(artifact), indent=1) + b"\n")


def read_manifest(folder: Path) -> Artifact:
    """Read ``artifact.json``; raises `BadInput` where it is absent, malformed, or points outside its folder."""
    path = folder / MANIFEST
    try:
        data = contents(path)
    except FileNotFoundError as error:
        raise BadInput(f"{folder} is not an artifact: it has no {MANIFEST}") from error
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from error
    artifact = converted(decoded(data, path, "artifact description"), Artifact, path, "artifact description")
    for problem in problems(artifact):
        raise BadInput(f"{path} can't be used: {brief(problem, LONGEST)}")
    for name in (artifact.main, *(file.path for file in artifact.files)):
        if "\0" in name or not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise BadInput(f"{path} names {brief(repr(name))}, which lies outside its folder")
    return artifact


def problems(artifact: Artifact) -> Iterator[str]:
    """What can't be in a description of an artifact: sizes below 1, unknown types, names that are there twice."""
    return chain(_of_tensors(artifact), _of_files(artifact), _of_images(artifact.preprocess))


def _of_tensors(artifact: Artifact) -> Iterator[str]:
    names = [spec.name for spec in artifact.inputs]
    if len(set(names)) < len(names) or len(set(artifact.outputs)) < len(artifact.outputs):
        yield "two of its inputs or outputs have the same name"
    for spec in artifact.inputs:
        if not _TYPE.fullmatch(spec.dtype):
            yield f"input {spec.name!r} has the type {spec.dtype!r}, which is not a numeric type"
        sizes = (*spec.shape, *(spec.sizes or ()))
        if any(size is not None and size < 1 for size in sizes):
            yield f"input {spec.name!r} has shape {spec.shape}; sizes are 1 or more"
        if spec.sizes is not None and len(spec.sizes) != len(spec.shape):
            yield f"input {spec.name!r} has {len(spec.shape)} dimensions, and {len(spec.sizes)} sizes that work"
        if spec.layout and (spec.layout != NHWC or len(spec.shape) != 4):
            yield f"input {spec.name!r} of {len(spec.shape)} dimensions has the layout {spec.layout!r}; images of 4 may have {NHWC!r}"
        spec.with_batch(1)


def _of_files(artifact: Artifact) -> Iterator[str]:
    if artifact.main not in {file.path for file in artifact.files}:
        yield f"its main file {artifact.main!r} is not among its files"
    for file in artifact.files:
        if not 0 <= file.bytes <= LARGEST_FILE:
            yield f"{file.path} has {file.bytes} bytes"


def _of_images(preprocess: Preprocess | None) -> Iterator[str]:
    if preprocess is None:
        return
    for name, side in (("size", preprocess.size), ("resize", preprocess.resize), ("width", preprocess.width)):
        if side is not None and not 1 <= side <= LARGEST:
            yield f"preprocess.{name} is {side}; image height and width must be 1 to {LARGEST} pixels"
    if preprocess.pad is not None and not 0 <= preprocess.pad <= 255:
        yield f"preprocess.pad is {preprocess.pad}; the bars' grey value must be 0 to 255"
    if preprocess.resample not in RESAMPLING or preprocess.layout not in ("chw", "hwc"):
        yield f"preprocess has resample {preprocess.resample!r} and layout {preprocess.layout!r}, which are unknown"
    if preprocess.channels not in CHANNELS or preprocess.dtype not in ("float32", "uint8") or not preprocess.scale > 0:
        yield f"preprocess has channels {preprocess.channels!r}, dtype {preprocess.dtype!r}, scale {preprocess.scale}, which are unknown"
    able = (1,) if preprocess.channels == "grey" else (1, 3)
    if len(preprocess.mean) not in able or len(preprocess.std) not in able or 0 in preprocess.std:
        yield f"preprocess has mean {preprocess.mean} and std {preprocess.std}; each takes three numbers, those of std not 0"
