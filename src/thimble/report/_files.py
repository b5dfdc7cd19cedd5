"""Write a report's file aside and rename it into place, so that nobody ever reads half of one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from thimble.core.errors import CannotWrite


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` as UTF-8 with plain line ends; raises `CannotWrite`."""
    return write_with(path, lambda aside: aside.write_bytes(text.encode("utf-8", "replace")))


def write_with(path: Path, write: Callable[[Path], object]) -> Path:
    """Let ``write`` fill a file beside ``path``, then rename it into place; raises `CannotWrite`.

    The file aside keeps the suffix, by which some writers choose the format.
    """
    aside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(aside)
        aside.replace(path)
    except OSError as error:
        _forget(aside)
        raise CannotWrite(f"can't write {path}: {error.strerror or error}; free some space or choose another folder") from error
    except BaseException:
        _forget(aside)
        raise
    return path


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
