"""``manifest.json``: everything that a bundle says of itself, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from thimble.core.artifact import Artifact
from thimble.core.errors import BadInput
from thimble.core.preprocess import Preprocess
from thimble.core.reading import converted, decoded
from thimble.core.values import File
from thimble.deploy.payload import verify

MANIFEST = verify.MANIFEST
FORMAT = verify.FORMAT
MODEL = "model"
"""The folder in a bundle that holds the artifact's files."""
REFERENCE = "reference"
"""The folder that holds the files of the FP32 artifact that is measured beside it, where the target does so."""


@dataclass(frozen=True)
class Tensor:
    """One input or output: ``shape`` names its dynamic dimensions; ``layout`` is ``NCHW`` or ``NHWC`` for images, else empty.

    ``range`` are the least and the largest value: of any image for images, else of the golden samples.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str
    layout: str = ""
    range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Tolerance:
    """The largest absolute difference of an output that still counts as the same answer, and how it was found."""

    absolute: float
    how: str


@dataclass(frozen=True)
class Golden:
    """Real samples and their outputs in one .npz file: its arrays' names by tensor's name.

    ``outputs`` are this artifact's own, ``baseline`` the study's baseline's (empty where there is none). ``batch`` is the batch
    size that the artifact insists on. ``images`` are files of the same samples before preprocessing.
    """

    file: str
    samples: int
    inputs: dict[str, str]
    outputs: dict[str, str]
    baseline: dict[str, str]
    tolerance: dict[str, Tolerance]
    batch: int | None = None
    images: tuple[str, ...] = ()
    split: str = "test"


@dataclass(frozen=True)
class RuntimeInfo:
    """What opens the artifact: its file in the bundle, its class, its package and the version that it was tried with."""

    name: str
    title: str
    file: str
    class_name: str
    distribution: str
    version: str
    threads: int = 1
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Baked:
    """Preprocessing that is part of the graph: the name of the input that takes pixels, and what the graph does with them.

    ``preprocess`` is the whole preprocessing as it was when the model was scored. ``normalisation_difference`` is the largest difference
    to it over all 256 values of every channel, ``output_difference`` that of the golden samples' outputs to the artifact that was scored.
    """

    input: str
    preprocess: Preprocess
    normalisation_difference: float
    output_difference: float


@dataclass(frozen=True)
class Manifest:
    """A bundle. ``files`` are all files but the manifest; ``artifact`` is in the folder ``model``.

    ``operators`` are the types that ran where it was made, ``int8`` says that quantized ones are among them. ``answer`` says
    which output answers and what it holds. ``figures`` are the study's, with intervals and conditions. ``forced`` is why the
    bundle was made against the study's verdict. ``reference`` is the FP32 artifact that a target measures beside it, ``ships`` names
    packages whose files lie in the bundle, by version. ``baked`` says which preprocessing is in the graph, where some is; the figures are
    then those of the artifact without it.
    """

    name: str
    target: str
    files: tuple[File, ...]
    artifact: Artifact
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    runtime: RuntimeInfo
    golden: Golden
    answer: dict[str, str]
    recipe: str = ""
    operators: tuple[str, ...] = ()
    int8: bool = False
    made_on: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    forced: str = ""
    reference: Artifact | None = None
    ships: dict[str, str] = field(default_factory=dict)
    baked: Baked | None = None
    thimble: str = ""
    format: int = FORMAT


def encoded(manifest: Manifest) -> bytes:
    """The manifest's bytes: the same value gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"


def read_manifest(folder: Path) -> Manifest:
    """Read a bundle's ``manifest.json``; raises `BadInput` where it is absent, malformed, or names files outside of it."""
    path = folder / MANIFEST
    try:
        verify.read_manifest(folder)
    except verify.Differs as error:
        raise BadInput(str(error)) from error
    return converted(decoded(path.read_bytes(), path, "bundle manifest"), Manifest, path, "bundle manifest")
