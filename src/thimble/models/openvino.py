"""OpenVINO's own file, measured as it is."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from thimble.models._artifact import ArtifactFile
from thimble.models._plain import check_openvino


class Openvino(ArtifactFile):
    """``MODEL.xml``: format ``openvino``. Its weights lie beside it in ``.bin``."""

    title: ClassVar[str] = "OpenVINO's own file"
    form: ClassVar[str] = "MODEL.xml"
    needs: ClassVar[tuple[str, ...]] = ("openvino",)
    extra: ClassVar[str | None] = "openvino"
    unchanged: ClassVar[str] = (
        "is OpenVINO's own file, which no technique here changes. Give the ONNX file that it was made of: openvino_quantize_static "
        "and nncf_quantize give OpenVINO INT8 from there"
    )

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` where it defines entities, or names data that its ``.bin`` file lacks."""
        check_openvino(path)
