"""Keeping a store within its bounds: who uses it, what dead processes left in it, and how large it may grow.

Every process that works with a store holds its lock together with the others. Who holds it alone may delete anything; beside others
only what none of them needs (`thimble.engine.users`). So nothing disappears under a run.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from thimble.core.errors import BadInput
from thimble.engine.users import USERS, Needs, guarded, living

try:
    import fcntl
except ImportError:  # no such locks here: nothing is deleted by itself
    fcntl = None  # type: ignore[assignment]

KINDS = ("steps", "values", "outputs", "scratch")
"""Folders of a store, each with one entry for each key."""
UNFINISHED_DAYS = 30.0
"""How long the state of a training that was cut off is kept."""
DAYS, DAYS_KEPT, DAYS_SEEN = "days.json", 40, 3
"""The file of the last days on which the store was used, how many it keeps, and on how many of them an abandoned training was not used.

A clock that jumps by a year makes one such day, not three.
"""
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Entry:
    """One thing in the store: its kind, key, bytes, and last use in seconds since 1970."""

    kind: str
    key: str
    bytes: int
    used: float


class Use:
    """A process's part in a store: it holds the lock together with others as long as the object lives."""

    def __init__(self, root: Path) -> None:
        self.root, self._file = root, -1
        self.needs: Needs | None = None
        try:
            self._file = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError:  # a store that can only be read
            return
        with self.alone() as alone:
            if alone:
                sweep(root)
        if not alone:
            relieve(root)
        self.needs = Needs(root)

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Hold the lock alone inside the block, if nobody else uses the store; says whether it is so."""
        got = fcntl is not None and self._file >= 0 and self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield got
        finally:
            if fcntl is not None and self._file >= 0:
                self._locked(fcntl.LOCK_SH)

    def _locked(self, how: int) -> bool:
        try:
            fcntl.flock(self._file, how)
        except OSError:  # held by others, or a file system without locks
            return False
        return True


@contextmanager
def making(root: Path, key: str) -> Iterator[None]:
    """Wait until no other process makes the result of this key, and keep others from it inside the block."""
    place = root / "locks"
    file = -1
    with contextlib.suppress(OSError):  # what can't be written is told where the work is kept
        place.mkdir(exist_ok=True)
        file = os.open(place / key, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if file >= 0:
            os.close(file)


def entries(root: Path) -> Iterator[Entry]:
    """Everything that is finished or under way in a store. A use in the future, which a clock that was set back leaves, counts as now."""
    now = time.time()
    for kind in KINDS:
        for path in sorted((root / kind).glob("*")):
            try:
                files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
                yield Entry(kind, path.name, sum(file.stat().st_size for file in files), min(path.stat().st_mtime, now))
            except OSError:  # gone meanwhile
                continue


def removed(root: Path, gone: list[Entry]) -> tuple[int, int]:
    """Delete these entries; gives how many there were, and their bytes."""
    for entry in gone:
        path = root / entry.kind / entry.key
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(gone), sum(entry.bytes for entry in gone)


def sweep(root: Path) -> None:
    """Delete what dead processes left, trainings that nobody went on with, and the least used entries beyond the store's limit.

    To be called while nobody else uses the store.
    """
    now, there, days = time.time(), list(entries(root)), _days(root)
    dead = [entry for entry in there if _half_written(entry) or _abandoned(entry, now, days)]
    removed(root, dead)
    for left in (*(root / "locks").glob("*"), *(root / USERS).glob("*")):
        left.unlink(missing_ok=True)
    limit = limit_of(root)
    if limit is not None:
        removed(root, beyond([entry for entry in there if entry not in dead], limit))


def relieve(root: Path) -> None:
    """Do the same while others use the store: delete what no living process writes, and beyond the limit what none of them needs.

    Unfinished trainings stay. Where the store can't be written nothing is done.
    """
    with contextlib.suppress(OSError), guarded(root, alone=True):
        others, there = living(root), list(entries(root))
        removed(root, [entry for entry in there if _half_written(entry) and _writer(entry) not in others.pids])
        limit = limit_of(root)
        if limit is not None:
            kept = others.keys | {entry.key for entry in there if entry.kind == "scratch" or _half_written(entry)}
            removed(root, beyond(there, limit, kept))


def _writer(entry: Entry) -> int | None:
    """The process that a half-written entry names."""
    found = re.search(r"\.(?:old)?(\d+)(?:\.json)?$", entry.key)
    return int(found[1]) if found else None


def _days(root: Path) -> list[int]:
    """The last days on which the store was used, today the last, as days since 1970; today is noted."""
    today = int(time.time() // _DAY_S)
    try:
        before = msgspec.json.decode((root / DAYS).read_bytes(), type=list[int])
    except (OSError, msgspec.DecodeError):
        before = []
    days = sorted({day for day in before if day < today} | {today})[-DAYS_KEPT:]
    if days != before:
        with contextlib.suppress(OSError):
            (root / DAYS).write_bytes(msgspec.json.encode(days))
    return days


def _abandoned(entry: Entry, now: float, days: list[int]) -> bool:
    """Whether it is a training that nobody went on with for long, by the clock and by the days on which the store was used."""
    later = sum(day > entry.used // _DAY_S for day in days)
    return entry.kind == "scratch" and entry.used < now - UNFINISHED_DAYS * _DAY_S and later >= DAYS_SEEN


def _half_written(entry: Entry) -> bool:
    return entry.key.startswith(".") or (entry.kind == "values" and not entry.key.endswith(".json"))


def beyond(there: list[Entry], limit: int, needed: Container[str] = ()) -> list[Entry]:
    """The entries that were not used for the longest time, as many as must go for the rest to have at most so many bytes.

    Entries of the keys that are ``needed`` stay.
    """
    total, gone = sum(entry.bytes for entry in there), []
    for entry in sorted(there, key=lambda one: one.used):
        if total <= limit:
            break
        if entry.key.removesuffix(".json") in needed:
            continue
        gone.append(entry)
        total -= entry.bytes
    return gone


def limit_of(root: Path) -> int | None:
    """The bytes that the store may hold, where a limit was set."""
    try:
        found = msgspec.json.decode((root / "limit.json").read_bytes(), type=int)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None
    return found if found >= 0 else None


def set_limit(root: Path, limit: int | None) -> None:
    """Keep the store at this size from now on; ``None`` takes the limit away."""
    if limit is None:
        (root / "limit.json").unlink(missing_ok=True)
    else:
        (root / "limit.json").write_bytes(msgspec.json.encode(limit))


def bytes_of(text: str) -> int:
    """``5GB``, ``800MB``, ``2.5 GB`` or a number of bytes; a kilobyte has 1,000 bytes. Raises `BadInput`."""
    words = text.strip().upper().removesuffix("B")
    factor = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}.get(words[-1:], 1)
    try:
        number = float(words[:-1] if factor > 1 else words)
    except ValueError:
        number = -1.0
    if not 0 <= number * factor <= 2**53:
        raise BadInput(f"--max must be a size such as 5GB or 800MB, not {text!r}")
    return int(number * factor)
