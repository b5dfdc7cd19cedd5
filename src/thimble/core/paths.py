"""Paths as users write them."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from io import BufferedReader
from pathlib import Path

from thimble.core.errors import BadInput, CannotWrite
from thimble.core.text import brief, is_text

LONGEST = 255
"""Bytes of a name, on every file system that matters."""


def contents(path: Path) -> bytes:
    """The bytes of a plain file. Raises `OSError`, whose ``strerror`` says so, for a pipe, a device or a folder: some never end."""
    with opened(path) as file:
        return file.read()


def opened(path: Path) -> BufferedReader:
    """A plain file, open for reading; raises as `contents` does, and never waits for another end."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(file).st_mode
    if not stat.S_ISREG(mode):
        os.close(file)
        kind = next((words for test, words in _KINDS if test(mode)), "no plain file")
        raise OSError(errno.EINVAL, f"it is {kind}", str(path))
    return os.fdopen(file, "rb")


_KINDS = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISDIR, "a folder"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"))


def check_writable(folder: Path) -> None:
    """Raise `BadInput` for a name that can be no folder, `CannotWrite` where nothing can be written into it, or it can't be made.

    To be asked before the work whose result it is to hold. Leaves nothing behind.
    """
    asked = place = user_path(folder).absolute()
    while not place.exists() and not place.is_symlink():
        place = place.parent
    if not place.is_dir():
        what = "a link to nothing" if place.is_symlink() else "a file"
        if place == asked:
            raise BadInput(f"{folder} can't be a folder: it is {what}")
        raise CannotWrite(f"can't write {folder}: {place} is {what}; name another folder with --out")
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".thimble-", dir=place))  # noqa: PTH106
    except OSError as error:
        raise CannotWrite(f"can't write {folder}: {error.strerror}; name another folder with --out") from error


def user_path(text: str | Path) -> Path:
    """The path that a user's text names, ``~`` being a home folder.

    Raises `BadInput` for the home of nobody, a name that is no UTF-8 text, and one that no file can have.
    """
    said = brief(repr(str(text)))
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise BadInput(f"{said} names the home folder of a user that is not known here; write the whole path") from error
    if not is_text(os.fspath(path)):
        raise BadInput(f"{said} is not UTF-8 text; rename the file or folder")
    longest = max(map(len, map(str.encode, path.parts)), default=0)
    if longest > LONGEST or "\0" in os.fspath(path):
        raise BadInput(f"{said} can't be the path of a file: a name in it is too long, or holds a zero byte")
    return path


def user_config(name: str) -> Path:
    """Return the path of a file of the user's configuration, in ``$XDG_CONFIG_HOME/thimble``, else ``~/.config/thimble``."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "thimble" / name
