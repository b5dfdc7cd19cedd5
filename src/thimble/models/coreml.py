"""Core ML's own file, in an artifact's folder; measured on a Mac."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from thimble.core.errors import BadInput
from thimble.formats.coreml import fields, texts
from thimble.models._artifact import ArtifactFile

PROGRAM = 502
"""The field of a program in Core ML's ``Model.proto``; other kinds of models run code of an app, or name other files."""
ABOUT = {1, 2, 10}
"""Its version, its description, and whether it can be trained."""
WEIGHTS = "@model_path/weights/weight.bin"
LARGEST = 200_000_000
"""Bytes of a program without its weights, at most."""


class Coreml(ArtifactFile):
    """``model.mlpackage`` in an artifact's folder: format ``coreml``. Techniques begin with the PyTorch code that it was made of."""

    title: ClassVar[str] = "a program of Core ML"
    form: ClassVar[str] = "MODEL.mlmodel"
    needs: ClassVar[tuple[str, ...]] = ("coremltools",)
    extra: ClassVar[str | None] = "coreml"
    unchanged: ClassVar[str] = "is a program of Core ML, which no technique changes. Give the PyTorch code that it was made of"

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` where it is no ML program, or names files outside its package."""
        if path.stat().st_size > LARGEST:
            raise BadInput(f"{path} has {path.stat().st_size:,} bytes; a program without its weights has at most {LARGEST:,}")
        data = path.read_bytes()
        try:
            numbers = {number for number, _ in fields(data)}
        except ValueError as error:
            raise BadInput(f"{path} is not a program of Core ML, or it is truncated: {error}") from error
        if PROGRAM not in numbers or numbers - ABOUT - {PROGRAM}:
            raise BadInput(f"{path} is not an ML program of Core ML (it has the fields {sorted(numbers)[:8]}); other kinds are not opened")
        for text in texts(data):
            if ("@model_path" in text or text.startswith("/") or ".." in text.split("/")) and text != WEIGHTS:
                raise BadInput(f"{path} names the file {text[:80]!r}, which lies outside its package; it was not opened")
