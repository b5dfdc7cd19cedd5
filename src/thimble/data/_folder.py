"""The contents of a folder of images: each file's digest, and whether it can be decoded, kept between runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from thimble.core.aside import new_file
from thimble.core.errors import BadInput, CannotWrite
from thimble.core.paths import contents
from thimble.core.text import is_text
from thimble.core.values import digest_of, listed
from thimble.fetch.cache import cache_folder
from thimble.fetch.user_file import foreign

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".webp", ".tif", ".tiff", ".gif"})
CORRUPT = 0.01
"""Share of corrupt images up to which they are skipped; beyond it the folder is refused."""
_WHOLE = ((b"\xff\xd8\xff", b"\xff\xd9"), (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"))
"""What whole JPEG and PNG files begin and end with; any other file is decoded to see whether it is whole."""


@dataclass(frozen=True)
class ImageFile:
    """One image: its path, the name of its class, and a digest of its bytes."""

    path: str
    label: str
    digest: str


@dataclass(frozen=True)
class _Seen:
    """What was found of a file of this size and time of change. ``problem`` says why it is no image."""

    bytes: int
    changed_ns: int
    digest: str
    problem: str = ""


def class_folders(folder: Path) -> list[Path]:
    """The folders in it that hold one class each, sorted by name."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise BadInput(f"{folder} can't be read: {error.strerror}") from error


def read_folder(folder: Path) -> tuple[list[ImageFile], tuple[str, ...]]:
    """The images in the class folders of a folder, sorted by path, and notes on what was left out.

    Files are read once: what was learnt of them is kept in the cache until their size or time of change differs.
    Corrupt images are skipped and named up to a share of `CORRUPT`; with more, or with a class that has no image,
    the folder is refused. Raises `BadInput`.
    """
    index = _index(folder)
    known = _remembered(index)
    seen: dict[str, _Seen] = {}
    found: list[ImageFile] = []
    corrupt, others = [], 0
    for class_folder in class_folders(folder):
        before = len(found)
        for path in _files(class_folder):
            if os.path.splitext(path)[1].lower() not in SUFFIXES:  # noqa: PTH122
                others += 1
                continue
            name = path[len(str(folder)) + 1 :]
            seen[name] = one = _looked_at(path, known.get(name))
            if one.problem:
                corrupt.append(f"{name} ({one.problem})")
            else:
                found.append(ImageFile(path, class_folder.name, one.digest))
        if len(found) == before:
            raise BadInput(f"class folder {class_folder} holds no image that can be read")
    if len(corrupt) > CORRUPT * len(seen):
        raise BadInput(f"{len(corrupt)} of {len(seen)} images in {folder} are corrupt: {listed(corrupt, 3)}; remove or replace them")
    if seen != known:
        _remember(index, seen)
    notes = [f"skipped {len(corrupt)} corrupt of {len(seen)} images: {listed(corrupt, 3)}"] if corrupt else []
    notes += [f"left out {others} files that are no images"] if others else []
    return found, tuple(notes)


def _files(folder: Path) -> Iterator[str]:
    """Paths as text, sorted, hidden ones left out: a set may have a million, and `Path` is slow.

    Raises `BadInput` for a name that is no text.
    """
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = f"{root}{os.sep}{name}"
            if not is_text(path):
                raise BadInput(f"{path!r} is not UTF-8 text; rename the file or folder")
            if not name.startswith("."):
                yield path


def _looked_at(path: str, known: _Seen | None) -> _Seen:
    import hashlib

    try:
        stat = os.stat(path)  # noqa: PTH116
        if known is not None and (known.bytes, known.changed_ns) == (stat.st_size, stat.st_mtime_ns):
            return known
        content = contents(Path(path))
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from error
    return _Seen(stat.st_size, stat.st_mtime_ns, hashlib.sha256(content).hexdigest()[:24], _problem(content))


def _problem(content: bytes) -> str:
    """Why a file's content is no whole image; nothing where it is one."""
    import io

    from PIL import Image, UnidentifiedImageError

    if not content:
        return "empty"
    if any(content.startswith(begin) and content.endswith(end) for begin, end in _WHOLE):
        return ""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
    except UnidentifiedImageError:
        return "no image"
    except Exception as error:  # decoders fail in as many ways as there are formats
        return foreign(error)
    return ""


def _index(folder: Path) -> Path | None:
    """Where it is kept what was learnt of a folder; nowhere without a store that can be used, which only costs time."""
    try:
        return cache_folder("folders") / f"{digest_of(str(folder.resolve()))}.json"
    except CannotWrite:
        return None


def _remembered(index: Path | None) -> dict[str, _Seen]:
    if index is None:
        return {}
    try:
        return msgspec.json.decode(index.read_bytes(), type=dict[str, _Seen])
    except (OSError, msgspec.DecodeError):
        return {}


def _remember(index: Path | None, seen: dict[str, _Seen]) -> None:
    """Keep what was learnt; a cache that can't be written only costs time."""
    if index is None:
        return
    with contextlib.suppress(OSError), new_file(index) as aside:
        aside.write_bytes(msgspec.json.encode(seen))
