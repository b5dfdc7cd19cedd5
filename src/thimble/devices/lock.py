"""One measuring at a time on a machine: two at once would measure each other."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from thimble.core.errors import Busy

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
    """Open the lock file, made by whoever came first; systems refuse O_CREAT on another user's file in a shared folder."""
    try:
        return os.open(path, os.O_RDWR)
    except FileNotFoundError:
        mask = os.umask(0)
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        finally:
            os.umask(mask)
