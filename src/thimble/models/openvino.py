"""OpenVINO's own file, measured as it is."""

from __future__ import annotations

from typing import ClassVar

from thimble.models._artifact import ArtifactFile


class Openvino(ArtifactFile):
    """``MODEL.xml``: format ``openvino``. Its weights lie beside it in ``.bin``."""

    title: ClassVar[str] = "OpenVINO's own file"
    form: ClassVar[str] = "MODEL.xml"
    needs: ClassVar[tuple[str, ...]] = ("openvino",)
    extra: ClassVar[str | None] = "openvino"
