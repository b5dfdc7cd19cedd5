"""Look at a zip archive's list of contents before anything unpacks it."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from thimble.core.errors import BadInput
from thimble.core.paths import opened

_GROWTH = 50
"""How many times its own size an archive may unpack to. Weights hardly compress; arrays of zeros do, hence the slack."""
_FREE = 1_000_000_000
"""Bytes that any archive may unpack to."""


def readable(path: Path) -> BinaryIO:
    """The file, open for reading. Raises `BadInput` where the system refuses: that says nothing of what the file holds."""
    try:
        return opened(path)
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from error


def check_archive(path: Path) -> list[zipfile.ZipInfo]:
    """The members of a zip archive; an empty list where the file is none.

    Raises `BadInput` for a file that can't be read, and for members that point outside the archive, stand in it twice, or
    unpack to far more than the archive's own size.
    """
    with readable(path) as file:
        try:
            if not zipfile.is_zipfile(file):
                return []
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:  # OSError: places before the file's beginning
            raise BadInput(f"{path} is a damaged zip archive: {error}") from error
    names = [member.filename for member in members]
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or name[1:2] == ":" or "\0" in name:
            raise BadInput(f"{path} names a member {name!r} that lies outside the archive; it was not opened")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"{path} holds {twice!r} twice; it was not opened")
    unpacked, own = sum(member.file_size for member in members), path.stat().st_size
    if unpacked > max(_FREE, _GROWTH * own):
        raise BadInput(f"{path} has {own / 1e6:.1f} MB and would unpack to {unpacked / 1e6:,.0f} MB; it was not opened")
    return members
