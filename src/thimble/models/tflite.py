"""A LiteRT (TensorFlow Lite) file, measured as it is."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from thimble.models._artifact import ArtifactFile
from thimble.models._plain import check_tflite


class Tflite(ArtifactFile):
    """``MODEL.tflite``: format ``tflite``. It is quantized by what makes it, from its float source."""

    title: ClassVar[str] = "a LiteRT file (TensorFlow Lite)"
    form: ClassVar[str] = "MODEL.tflite"
    needs: ClassVar[tuple[str, ...]] = ("ai_edge_litert",)
    extra: ClassVar[str | None] = "litert"
    unchanged: ClassVar[str] = (
        "is a LiteRT file, which no technique here changes: quantizing it needs its float source. Give the PyTorch code "
        "or the ONNX file that it was made of"
    )

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` where it is another format's, or keeps tensors in other files."""
        check_tflite(path)
