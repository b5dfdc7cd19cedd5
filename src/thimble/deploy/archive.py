"""A bundle as one zip file: the same files give the same bytes, and a stranger's is opened with care."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path

from thimble.core.aside import new_file, writing
from thimble.core.errors import BadInput, CannotWrite
from thimble.core.temporary import temporary_folder
from thimble.core.values import sha256_of
from thimble.deploy.manifest import MANIFEST, read_manifest
from thimble.deploy.payload.verify import escapes
from thimble.fetch.archive import check_archive

WHEN = (1980, 1, 1, 0, 0, 0)
"""The time of every member: none."""


def write_zip(folder: Path, path: Path) -> None:
    """Write all files of a folder into a zip archive, in the order of their names and without times or owners."""
    with writing(path), new_file(path) as aside, zipfile.ZipFile(aside, "w") as archive:
        for name in sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()):
            member = zipfile.ZipInfo(name, WHEN)
            member.create_system, member.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, (folder / name).read_bytes(), compresslevel=6)


def unpack(path: Path, folder: Path) -> None:
    """Unpack a bundle's zip archive into an empty folder.

    Raises `BadInput` for an archive that is none, is damaged, or has members that are links or lie outside of it; nothing of
    it is written then but what came before.
    """
    if not check_archive(path):
        raise BadInput(f"{path} is not a bundle: it is not a zip archive, or it is damaged")
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                if escapes(member.filename) or stat.S_ISLNK(member.external_attr >> 16):
                    raise BadInput(f"{path} has the member {member.filename!r}, which is a link or lies outside the bundle")
                target = folder / member.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise BadInput(f"{path} is damaged: {error}") from error
    except OSError as error:
        raise CannotWrite(f"can't unpack {path}: {error.strerror or error}") from error


def not_of_bundle(place: Path) -> str | None:
    """The first file in a folder or a .zip file that no bundle of Thimble's has; ``None`` where all are a bundle's.

    It is empty where there is no bundle at all.
    """
    with temporary_folder() as scratch:
        try:
            if not place.is_dir():
                unpack(place, scratch)
            folder = place if place.is_dir() else scratch
            own = {MANIFEST, *(file.path for file in read_manifest(folder).files)}
        except BadInput:
            return ""
        there = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
        return next((path.as_posix() for path in there if path.as_posix() not in own and "__pycache__" not in path.parts), None)


def digest_of_whole(place: Path) -> tuple[str, str]:
    """Return the SHA-256 of a whole bundle and the name of the hashed file, as ``sha256sum`` writes both.

    That is the zip file itself, or a folder's ``manifest.json``, which holds every other file's.
    """
    file = place / MANIFEST if place.is_dir() else place
    try:
        return sha256_of(file), f"{place.name}/{MANIFEST}" if place.is_dir() else place.name
    except OSError as error:
        raise BadInput(f"{file} can't be read: {error.strerror}") from error


def digest_file(place: Path) -> Path:
    """Where the digest of the whole is written: beside the bundle."""
    return place.with_name(f"{place.name}.sha256")


def write_digest(place: Path) -> str:
    """Write the digest of the whole beside the bundle, for ``sha256sum --check``; gives it."""
    digest, name = digest_of_whole(place)
    try:
        digest_file(place).write_text(f"{digest}  {name}\n")
    except OSError as error:
        raise CannotWrite(f"can't write {digest_file(place)}: {error.strerror}") from error
    return digest


def check_digest(place: Path, wanted: str | None = None) -> str | None:
    """Compare the digest of the whole with the one wanted, else with the one beside the bundle; gives it, ``None`` without any.

    Raises `BadInput` where they differ.
    """
    beside = digest_file(place)
    if wanted is None and beside.is_file():
        wanted = beside.read_text(errors="replace").split(maxsplit=1)[0] if beside.stat().st_size else ""
    if wanted is None:
        return None
    digest, name = digest_of_whole(place)
    if digest != wanted.strip().lower():
        raise BadInput(f"{name} has the SHA-256 {digest}, not {wanted[:64]}: the bundle is changed")
    return digest
