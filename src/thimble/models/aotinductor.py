"""Compiled code of AOTInductor: native code, which runs only where the user made it or says so."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from thimble.core.errors import BadInput
from thimble.core.values import sha256_of
from thimble.fetch.archive import check_archive
from thimble.fetch.cache import cache_folder, store_root
from thimble.formats.aotinductor import holds
from thimble.models._artifact import ArtifactFile

TRUST = "THIMBLE_TRUST"
"""Environment variable: SHA-256 of files, with commas between them, whose native code may run."""
FOLDER = "compiled"
"""Where the store keeps the SHA-256 of what it compiled."""


class Aotinductor(ArtifactFile):
    """``MODEL.pt2`` that holds compiled code: format ``aotinductor``. Techniques begin with the PyTorch code that it was made of."""

    title: ClassVar[str] = "code that AOTInductor compiled"
    form: ClassVar[str] = "MODEL.pt2"
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"
    unchanged: ClassVar[str] = "holds compiled code, which no technique changes. Give the PyTorch code that it was made of"

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` unless the user's own store compiled it, or `TRUST` names it: its library runs with the user's rights."""
        members = check_archive(path)
        if not members or not holds(path):
            raise BadInput(f"{path} is not an archive of AOTInductor, or it is truncated")
        digest = sha256_of(path)
        named = os.environ.get(TRUST, "").lower().split(",")
        if path.resolve().is_relative_to(store_root().resolve()) or (cache_folder(FOLDER) / digest).is_file() or digest in named:
            return
        raise BadInput(
            f"{path} holds compiled code, which would run with your rights, and this store didn't compile it; it was not opened. "
            f"If you trust who made it: {TRUST}={digest}"
        )

    @staticmethod
    def vouch(path: Path) -> None:
        """Note in the store that it compiled a file, so that the file is opened wherever it is copied."""
        folder = cache_folder(FOLDER)
        folder.mkdir(exist_ok=True)
        (folder / sha256_of(path)).touch()
