"""ONNX Runtime's own file, measured as it is."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from thimble.models._artifact import ArtifactFile
from thimble.models._plain import check_flatbuffer


class Ort(ArtifactFile):
    """``MODEL.ort``: format ``ort``. Techniques begin with the ONNX file that it was made of."""

    title: ClassVar[str] = "ONNX Runtime's own file"
    form: ClassVar[str] = "MODEL.ort"
    needs: ClassVar[tuple[str, ...]] = ("onnxruntime",)
    extra: ClassVar[str | None] = None
    unchanged: ClassVar[str] = (
        "is ONNX Runtime's own file, whose graph is frozen: no technique changes it. Give the ONNX file that it was made of"
    )

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` where it is another format's, which ONNX Runtime would read by other rules."""
        check_flatbuffer(path, b"ORTM", self.title)
