"""A TorchScript archive, measured as it is: looked through first, since its code could touch files."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import ClassVar

from thimble.core.errors import BadInput
from thimble.fetch.archive import check_archive
from thimble.models._artifact import ArtifactFile

TOUCHING = re.compile(rb"\b(torch\.(save|load|from_file)|ops\.aten\.(save|from_file))\b")
"""Operators of PyTorch that write or map files."""


class Torchscript(ArtifactFile):
    """``MODEL.pt`` or ``MODEL.jit``, as ``torch.jit.save`` wrote it: format ``torchscript``.

    The file holds no shapes, so they come from ``--input-shape`` or the data. Its operators are PyTorch's alone; files
    are refused that call operators which write or map files.
    """

    title: ClassVar[str] = "a TorchScript archive"
    form: ClassVar[str] = "MODEL.pt, MODEL.jit"
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = None
    unchanged: ClassVar[str] = (
        "is a TorchScript archive, whose operators are fixed: no technique changes it. Give the PyTorch code that it "
        "was made of, or its ONNX file"
    )

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` for an archive whose code touches files."""
        check_torchscript(path)


def check_torchscript(path: Path) -> None:
    """Raise `BadInput` for a TorchScript archive that is damaged, or whose code writes or maps files."""
    members = check_archive(path)
    try:
        with zipfile.ZipFile(path) as archive:
            code = {member.filename: archive.read(member) for member in members if member.filename.endswith(".py")}
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise BadInput(f"{path} is a damaged TorchScript archive: {error}") from error
    if not code:
        raise BadInput(f"{path} is no TorchScript archive: it holds no code")
    for source in code.values():
        if found := TOUCHING.search(source):
            raise BadInput(f"{path} calls {found[0].decode()}, which touches files; it was not opened")
