"""One measuring at a time on a machine: two at once would measure each other."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from thimble.core.errors import Busy, CannotWrite

WAIT_S = 120.0
_POLL_S = 0.2
_guard = threading.RLock()
_held: list[int] = []


def lock_path() -> Path:
    """The file whose lock stands for the machine; the same for all users."""
    return Path(tempfile.gettempdir()) / "thimble-measuring.lock"


@contextlib.contextmanager
def measuring_lock(wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold this machine's measuring lock; may be nested within a process.

    Waits up to ``wait_s`` for another process, then raises `Busy` with its process id. The system gives the lock
    back when its holder ends, however that ends. Where the system has no such locks nothing is held.
    """
    with _guard:
        _held.append(1)
        try:
            with _locked(wait_s) if len(_held) == 1 else contextlib.nullcontext():
                yield
        finally:
            _held.pop()


@contextlib.contextmanager
def _locked(wait_s: float) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:
        yield
        return
    file = _opened(lock_path())
    try:
        until = time.monotonic() + wait_s
        while True:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= until:
                    raise _busy(file, wait_s) from None
            time.sleep(_POLL_S)
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(file)


def _busy(file: int, waited_s: float) -> Busy:
    holder = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
    return Busy(
        f"another measuring run (process {holder}) holds this machine, waited {waited_s:g} s for it; "
        "two at once would measure each other: let it end, or end it, and try again"
    )


def _opened(path: Path) -> int:
    """Open the lock file, made by whoever came first; systems refuse O_CREAT on another user's file in a shared folder.

    Raises `CannotWrite` for anything but a plain file with one name: what a link leads to is not the lock's to write.
    """
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        file = _made(path, flags)
    except OSError as error:
        raise CannotWrite(f"can't open the measuring lock {path}: {error.strerror}; remove it, or set TMPDIR to another folder") from error
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(file)
        raise CannotWrite(f"the measuring lock {path} is no plain file of its own; remove it, or set TMPDIR to another folder")
    return file


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
