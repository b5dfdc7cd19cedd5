"""ncnn's files, measured as they are."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from thimble.models._artifact import ArtifactFile
from thimble.models._plain import check_ncnn


class Ncnn(ArtifactFile):
    """``MODEL.param``: format ``ncnn``. Its weights lie beside it in ``.bin``."""

    title: ClassVar[str] = "ncnn's files"
    form: ClassVar[str] = "MODEL.param"
    needs: ClassVar[tuple[str, ...]] = ("ncnn",)
    extra: ClassVar[str | None] = "ncnn"
    unchanged: ClassVar[str] = (
        "is ncnn's file, which no technique here changes: ncnn's own tools quantize it. Give the PyTorch code or the "
        "ONNX file that it was made of"
    )

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` where the counts in it are not those of its lines."""
        check_ncnn(path)
