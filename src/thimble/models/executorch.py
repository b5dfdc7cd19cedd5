"""ExecuTorch's own file, measured as it is."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from thimble.models._artifact import ArtifactFile
from thimble.models._pte_check import check_pte


class Executorch(ArtifactFile):
    """``MODEL.pte``: format ``executorch``. Techniques begin with the PyTorch code that it was made of."""

    title: ClassVar[str] = "a program of ExecuTorch"
    form: ClassVar[str] = "MODEL.pte"
    needs: ClassVar[tuple[str, ...]] = ("executorch", "torch")
    extra: ClassVar[str | None] = "executorch"
    unchanged: ClassVar[str] = (
        "is a program of ExecuTorch, which no technique changes. Give the PyTorch code that it was made of: to_executorch and "
        "executorch_quantize_static write programs from there"
    )

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` where it names other backends than XNNPACK, or data outside itself."""
        check_pte(path)
