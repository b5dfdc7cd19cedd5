"""Where the catalog keeps what it downloaded and what it learnt of folders: beside the store."""

from __future__ import annotations

import os
from pathlib import Path

from thimble.core.paths import user_path


def cache_folder(name: str) -> Path:
    """The folder ``name`` below ``$THIMBLE_STORE``, else below ``thimble`` in the user's cache; it may not exist yet."""
    root = os.environ.get("THIMBLE_STORE")
    base = Path(root) if root else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thimble"
    return user_path(base) / name
