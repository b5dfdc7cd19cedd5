"""Write a report's file aside and rename it into place, so that nobody ever reads half of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from thimble.core.aside import new_file
from thimble.core.errors import CannotWrite


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` as UTF-8 with plain line ends; raises `CannotWrite`."""
    return write_with(path, lambda aside: aside.write_bytes(text.encode("utf-8", "replace")))


def write_with(path: Path, write: Callable[[Path], object]) -> Path:
    """Let ``write`` fill a file beside ``path``, then rename it into place; raises `CannotWrite`.

    The file aside keeps the suffix, by which some writers choose the format.
    """
    try:
        with new_file(path) as aside:
            write(aside)
    except OSError as error:
        raise CannotWrite(f"can't write {path}: {error.strerror or error}; free some space or choose another folder") from error
    return path
