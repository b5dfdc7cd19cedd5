"""The store's folder: made, marked, private, and trusted only where nobody else can have put anything into it.

Networks between two steps lie there as pickles, which run code when they are loaded. So a folder that another user owns or
can write is refused; and only a folder that Thimble made or marked is ever changed or pruned.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from thimble.core.errors import CannotWrite
from thimble.core.paths import user_path

MARK = ".thimble-store"
"""The file that says that a folder is a store."""
_WORDS = "This folder is a store of Thimble: it holds finished work, and whatever lies in it may be deleted at any time.\n"
_OLD = {"steps", "values", "outputs", "scratch", "data", "folders"}
"""What a store holds that was made before stores were marked."""


def default_root() -> Path:
    """``$THIMBLE_STORE``, else ``thimble`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if given := os.environ.get("THIMBLE_STORE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thimble"


def cache_folder(name: str) -> Path:
    """The folder ``name`` in the store, for what was downloaded or learnt of folders; it may not exist yet."""
    return store_root() / name


def store_root(root: Path | None = None) -> Path:
    """The store's folder (by default `default_root`), made and marked where it is missing.

    A new one is readable by its user alone. An empty folder that is there already becomes a store and keeps its permissions.
    Raises `CannotWrite` for one that can't be made, that holds other things, that is another user's, or that others can write.
    """
    root = user_path(root or default_root())
    try:
        return _claimed(root)
    except OSError as error:
        raise CannotWrite(f"the store {root} can't be made: {error.strerror}; set THIMBLE_STORE to a folder that can") from error


def _claimed(root: Path) -> Path:
    new = not root.exists()
    if new:
        root.parent.mkdir(parents=True, exist_ok=True)
        root.mkdir(mode=0o700, exist_ok=True)
    _check_private(root)
    if not _marked(root):
        there = {path.name for path in root.iterdir()}
        if there - _OLD or (there and stat.S_IMODE(root.stat().st_mode) != 0o700):
            raise CannotWrite(
                f"{root} is not a store of Thimble, and not empty (it holds {sorted(there)[0]!r}); "
                f"set THIMBLE_STORE to a folder of its own, such as {root / 'thimble'}"
            )
        (root / MARK).write_text(_WORDS, encoding="utf-8")
    return root


def check_sealed(root: Path, path: Path) -> None:
    """Raise `CannotWrite` where somebody else could have put the file ``path`` into the store ``root``, or changed it.

    From the store's folder to the file each must be this user's and writable by nobody else; below a folder that others can't enter
    nothing is left to look at.
    """
    if not hasattr(os, "getuid"):
        return
    inner = path.relative_to(root).parts
    for place in (root, *(root.joinpath(*inner[:depth]) for depth in range(1, len(inner) + 1))):
        status = place.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if status.st_uid != os.getuid() or (place != root and stat.S_ISLNK(status.st_mode)) or mode & 0o022:
            raise CannotWrite(
                f"{place} in the store can be written by others (mode {mode:04o}) or is not yours, and it holds a network that runs code "
                f"when it is loaded; run thimble store --prune --days 0, or chmod 700 {root}"
            )
        if place.is_dir() and not mode & 0o077:
            return


def _marked(root: Path) -> bool:
    mark = root / MARK
    return mark.is_file() and not mark.is_symlink()


def _check_private(root: Path) -> None:
    """Raise `CannotWrite` where somebody else could have put a pickle into the folder."""
    if not hasattr(os, "getuid"):
        return
    status = root.stat()
    if status.st_uid != os.getuid():
        raise CannotWrite(
            f"the store {root} belongs to user {status.st_uid}, and this is user {os.getuid()}; what others put there could run here: "
            "set THIMBLE_STORE to a folder of your own"
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o022:
        raise CannotWrite(
            f"the store {root} can be written by others (mode {mode:04o}), and what they put there could run here: set THIMBLE_STORE to a "
            f"folder that doesn't exist yet; or, if you know all that it holds, run chmod go-w {root}"
        )
