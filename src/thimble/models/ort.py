"""ONNX Runtime's own file, measured as it is."""

from __future__ import annotations

from typing import ClassVar

from thimble.models._artifact import ArtifactFile


class Ort(ArtifactFile):
    """``MODEL.ort``: format ``ort``. Techniques begin with the ONNX file that it was made of."""

    title: ClassVar[str] = "ONNX Runtime's own file"
    form: ClassVar[str] = "MODEL.ort"
    needs: ClassVar[tuple[str, ...]] = ("onnxruntime",)
    extra: ClassVar[str | None] = None
    unchanged: ClassVar[str] = (
        "is ONNX Runtime's own file, whose graph is frozen: no technique changes it. Give the ONNX file that it was made of"
    )
