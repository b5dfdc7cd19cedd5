"""The file whose lock reserves a machine. It imports the standard library only, since it also travels to devices."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from pathlib import Path

NAME = "thimble-measuring.lock"
_POLL_S = 0.2


def lock_path() -> Path:
    """The file; the same for all users."""
    return Path(tempfile.gettempdir()) / NAME


def opened(path: Path) -> int:
    """Open the file, made by whoever came first; systems refuse O_CREAT on another user's file in a shared folder.

    Raises ``OSError`` where it can't be had, ``ValueError`` for anything but a plain file with one name: what a link leads to is not the
    lock's to write.
    """
    file = _made(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(file)
        raise ValueError(f"{path} is not a plain file of its own")
    return file


def held_by_another(file: int, wait_s: float) -> str | None:
    """Take the lock, waiting up to ``wait_s``; the process id of its holder where that was not enough, else ``None``.

    The system gives the lock back when the file is closed, and so when its holder ends, however that ends. Raises ``ImportError`` on
    systems without such locks.
    """
    import fcntl

    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if time.monotonic() >= until:
                return os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
        time.sleep(_POLL_S)
    os.ftruncate(file, 0)
    os.pwrite(file, str(os.getpid()).encode(), 0)
    return None


def _made(path: Path, flags: int) -> int:
    """The open file, made where it is missing."""
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        mask = os.umask(0)
        try:
            return os.open(path, flags | os.O_CREAT, 0o666)
        finally:
            os.umask(mask)
