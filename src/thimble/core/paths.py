"""Paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path

from thimble.core.errors import BadInput
from thimble.core.text import brief, is_text

LONGEST = 255
"""Bytes of a name, on every file system that matters."""


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
        raise BadInput(f"{said} is no UTF-8 text; rename the file or folder")
    longest = max(map(len, map(str.encode, path.parts)), default=0)
    if longest > LONGEST or "\0" in os.fspath(path):
        raise BadInput(f"{said} can't be the path of a file: a name in it is too long, or holds a zero byte")
    return path
