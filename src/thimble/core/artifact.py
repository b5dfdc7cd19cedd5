"""What a recipe leaves on disk: a folder that holds every file to ship, and ``artifact.json`` that describes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from thimble.core.errors import BadInput
from thimble.core.model import Model
from thimble.core.preprocess import Preprocess
from thimble.core.seen import SEEN
from thimble.core.values import File, TensorSpec

MANIFEST = "artifact.json"


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


def describe(model: Model, preprocess: Preprocess | None, labels: tuple[str, ...]) -> Artifact:
    """The artifact that a model's folder is; every file in it ships, its main one is called ``model.*``."""
    folder = model.folder
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, SEEN))
    return Artifact(
        model.format,
        main_file(folder).name,
        tuple(File.of(path, folder) for path in paths),
        model.inputs,
        model.outputs,
        preprocess,
        labels,
    )


def main_file(folder: Path) -> Path:
    """The file that a runtime opens: of ``model.xml`` and ``model.bin``, or ``model.onnx`` and its data, the one that names the others."""
    paths = sorted(path for path in folder.glob("model.*") if path.is_file())
    if not paths:
        raise BadInput(f"{folder} holds no file called model.*; it is no artifact")
    ranked = (".onnx", ".xml", ".param", ".pt2", ".pt", ".tflite", ".pte")
    return min(paths, key=lambda path: ranked.index(path.suffix) if path.suffix in ranked else len(ranked))


def write_manifest(artifact: Artifact, folder: Path) -> None:
    """Write ``artifact.json`` into the artifact's folder."""
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(artifact), indent=1) + b"\n")


def read_manifest(folder: Path) -> Artifact:
    """Read ``artifact.json``; raises `BadInput` where it is absent, malformed, or points outside its folder."""
    path = folder / MANIFEST
    try:
        artifact = msgspec.json.decode(path.read_bytes(), type=Artifact)
    except FileNotFoundError as error:
        raise BadInput(f"{folder} is no artifact: it has no {MANIFEST}") from error
    except msgspec.DecodeError as error:
        raise BadInput(f"{path} can't be read: {error}") from error
    for name in (artifact.main, *(file.path for file in artifact.files)):
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise BadInput(f"{path} names {name!r}, which lies outside its folder")
    return artifact
