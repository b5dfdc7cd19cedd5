"""Temporary folders that are gone when their process is: at its end, or at the next start where it was killed."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # no such locks here: nothing of another process is removed
    fcntl = None  # type: ignore[assignment]

PREFIX = "thimble-"
HELD = ".held"
"""The file in a process's folder that it locks as long as it lives."""

_own: dict[int, Path] = {}


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """An empty folder that is removed with the block, whichever way that ends."""
    with tempfile.TemporaryDirectory(dir=own_folder(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def environment() -> dict[str, str]:
    """This process's environment for a child, whose temporary files then lie in this process's folder and go with it."""
    return {**os.environ, "TMPDIR": str(own_folder())}


def own_folder() -> Path:
    """The folder for this process's temporary files, made when it is first needed; those of dead processes are removed then."""
    if os.getpid() not in _own:
        sweep(Path(tempfile.gettempdir()))
        new = Path(tempfile.mkdtemp(prefix=f".{PREFIX}"))
        held = os.open(new / HELD, os.O_RDWR | os.O_CREAT, 0o600)  # stays open, and locked, until this process ends
        if fcntl is not None:
            fcntl.flock(held, fcntl.LOCK_EX)
        folder = _own[os.getpid()] = new.rename(new.with_name(new.name[1:]))
        atexit.register(_remove, folder, os.getpid())
    return _own[os.getpid()]


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # a child that was forked off goes through here, too
        shutil.rmtree(folder, ignore_errors=True)


def sweep(place: Path) -> None:
    """Remove this user's folders of dead processes."""
    for folder in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if not folder.is_symlink() and folder.is_dir() and folder.stat().st_uid == _user() and _dead(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _dead(folder: Path) -> bool:
    """Return whether the process whose folder it is has ended: nobody holds its lock any more."""
    if fcntl is None or not (folder / HELD).exists():
        return False
    file = os.open(folder / HELD, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else -1
