"""Which entries of a store living processes need: each keeps a list of the keys that it asked for or made.

A list is a file in ``users/`` that its process locks for as long as it lives; the system lets go of the lock however the process ends.
So what nobody needs can be removed while others work, and no clock is asked for that.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

try:
    import fcntl
except ImportError:  # no such locks here: nothing is removed while others may work
    fcntl = None  # type: ignore[assignment]

USERS, GUARD = "users", ".guard"


class Needs:
    """This process's list of keys; it goes with the object. Where the store can't be written there is none."""

    def __init__(self, root: Path) -> None:
        self._root, self._file, self._path, self._pid = root, -1, root, os.getpid()
        self._noted: set[str] = set()
        with contextlib.suppress(OSError), guarded(root, alone=False):
            (root / USERS).mkdir(mode=0o700, exist_ok=True)
            self._file, name = tempfile.mkstemp(prefix=f"{self._pid}-", dir=root / USERS)
            self._path = Path(name)
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX)

    def note(self, key: str) -> None:
        """Put a key on the list, before it is looked for: from then on its entry stays."""
        if self._file < 0 or key in self._noted:
            return
        with contextlib.suppress(OSError), guarded(self._root, alone=False):
            os.write(self._file, f"{key}\n".encode())
            self._noted.add(key)

    def __del__(self) -> None:
        if self._file >= 0:
            if os.getpid() == self._pid:  # not in a child that was forked off
                with contextlib.suppress(OSError):
                    self._path.unlink()
            os.close(self._file)


@dataclass
class Living:
    """The living users of a store: their process ids, and the keys that they need."""

    pids: set[int] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)


def living(root: Path) -> Living:
    """Read the lists of living processes and remove those of dead ones; to be called while the store is `guarded` alone."""
    found = Living()
    for path in (root / USERS).glob("*"):
        with contextlib.suppress(OSError, ValueError):
            file = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                if fcntl is not None and _free(file):
                    path.unlink()
                    continue
                found.pids.add(int(path.name.partition("-")[0]))
                found.keys.update(os.pread(file, os.fstat(file).st_size, 0).decode().split())
            finally:
                os.close(file)
    return found


@contextmanager
def guarded(root: Path, alone: bool) -> Iterator[None]:
    """Keep others from removing entries inside the block; with ``alone`` also from putting keys on their lists. Raises ``OSError``."""
    file = os.open(root / GUARD, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(file)


def _free(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
