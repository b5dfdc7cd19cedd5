"""One measuring at a time on a machine: two at once would measure each other."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from thimble.core.errors import Busy, CannotWrite
from thimble.devices import lockfile
from thimble.devices.lockfile import lock_path as lock_path

WAIT_S = 120.0
_guard = threading.RLock()
_held: list[int] = []


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
    path = lock_path()
    try:
        file = lockfile.opened(path)
    except OSError as error:
        raise CannotWrite(f"can't open the measuring lock {path}: {error.strerror}; remove it, or set TMPDIR to another folder") from error
    except ValueError as error:
        raise CannotWrite(f"the measuring lock {error}; remove it, or set TMPDIR to another folder") from error
    try:
        if holder := _holder(file, wait_s):
            raise Busy(
                f"another measuring run (process {holder}) holds this machine, waited {wait_s:g} s for it; "
                "two at once would measure each other: let it end, or end it, and try again"
            )
        yield
    finally:
        os.close(file)


def _holder(file: int, wait_s: float) -> str | None:
    """Who holds the lock; nobody where the system has no such locks."""
    try:
        return lockfile.held_by_another(file, wait_s)
    except ImportError:
        return None
