"""Files and folders are written aside and renamed into place, so that nobody ever reads half of one."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from thimble.core.errors import CannotWrite


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give the path of a file aside, which takes the place of ``path`` when the block ends well and vanishes when it doesn't.

    It keeps the suffix, by which some writers choose the format. Its folder is made. A device or a pipe, such as ``/dev/null``, is written
    to and stays what it is. Raises ``OSError``; `writing` makes a line of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    special = path.exists() and not (path.is_file() or path.is_dir())
    aside = Path(tempfile.gettempdir()) / _beside(path).name if special else _beside(path)
    try:
        yield aside
        if special:
            path.write_bytes(aside.read_bytes())
        else:
            aside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a new, empty folder aside, which takes the place of ``path`` and all that is in it when the block ends well.

    When the block ends otherwise, or the new one can't be put in its place, what was there stays. Raises ``OSError``, also where something
    other than a folder is there.
    """
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    aside, old = _beside(path), _beside(path, "old")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
        if path.exists():
            path.rename(old)
        aside.rename(path)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        for left in (aside, old):
            shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full disk or a refused write inside the block into `CannotWrite`, which names ``path``."""
    try:
        yield
    except shutil.Error as error:  # a copied folder's errors come in a list, each a source, a target and a text
        raise CannotWrite(f"can't write {path}: {error.args[0][0][2]}") from error
    except OSError as error:
        raise CannotWrite(f"can't write {path}: {error.strerror or error}") from error


def _beside(path: Path, kind: str = "") -> Path:
    """A hidden name beside a path, of this process alone, on this machine alone."""
    return path.with_name(f".{path.stem}.{machine_id()}.{kind}{os.getpid()}{path.suffix}")


@functools.cache
def machine_id() -> str:
    """A short word for this machine: processes of two machines that share a folder may have the same number."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]
