"""Whose a study's folder is: one question's, one running command's; and which of its files Thimble wrote.

Only those files are ever replaced or deleted. The folder's own record, ``.thimble.json``, holds the question and the list; a folder
that was made before there were records is known by its study.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from thimble.core.artifact import MANIFEST
from thimble.core.aside import new_file, writing
from thimble.core.errors import BadInput, Busy, CannotWrite
from thimble.core.paths import check_writable, contents
from thimble.core.seen import SEEN
from thimble.core.study import Study, read_study
from thimble.study.question import Question

try:
    import fcntl
except ImportError:  # no such locks here: two commands in one folder are not told apart
    fcntl = None  # type: ignore[assignment]

RECORD, LOCK, STUDY, ARTIFACTS = ".thimble.json", ".thimble.lock", "study.json", "artifacts"


@dataclass
class _Record:
    """The content of a folder's own file."""

    question: Question
    files: list[str]


class Claim:
    """A folder that belongs to this command inside the block; a context manager. `claim` makes one.

    ``before`` is the study of an earlier start that asked the same.
    """

    def __init__(self, folder: Path, before: Study | None, record: _Record, lock: int) -> None:
        self.folder, self.before = folder, before
        self._record, self._lock = record, lock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def release(self) -> None:
        """Let another command have the folder; twice is fine."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            _unlock(self.folder, lock)

    def ours(self, name: str) -> bool:
        """Whether Thimble wrote that file (its path in the folder), or nobody did yet."""
        return name in self._record.files or not os.path.lexists(self.folder / name)

    def wrote(self, *names: str) -> None:
        """Put files on the list of those that Thimble wrote; to be called before they are written."""
        new = [name for name in names if name not in self._record.files]
        if new:
            self._record.files += new
            _write(self.folder, self._record)

    def place(self, made: Path, name: str) -> Path:
        """Put the finished folder ``made`` in the place of the folder ``name``; gives its path.

        Files that Thimble wrote there are replaced, files of others stay. Raises `BadInput` for one of theirs in the way.
        """
        folder = self.folder / name
        old, new = set(_files(folder)), set(_files(made))
        theirs = {path for path in old if f"{name}/{path}" not in self._record.files}
        if clash := sorted(theirs & new):
            raise BadInput(_in_the_way(self.folder, f"{name}/{clash[0]}"))
        self.wrote(*(f"{name}/{path}" for path in sorted(new)))
        try:
            for path in sorted(theirs):
                (made / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).rename(made / path)
            if folder.is_symlink():
                folder.unlink()
            elif folder.exists():
                shutil.rmtree(folder)
            made.rename(folder)
        except OSError as error:
            raise CannotWrite(f"can't write {folder}: {error.strerror or error}") from error
        return folder


def claim(folder: Path | str, question: Question, names: Iterable[str] = ()) -> Claim:
    """Take a folder for a question; ``names`` are the files that will be written into it, beside the study and its artifacts.

    Raises `BadInput`, with what to do, for no name, a folder with another question's study, with one that can't be read or is of
    another schema, and for files of others in the way; `CannotWrite` where it can't be written; `Busy` with the process that uses it.
    """
    if not str(folder).strip():
        raise BadInput("--out is empty; name a folder")
    folder = Path(folder)
    check_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = _locked(folder)
    try:
        before, record = _found(folder, question)
        mine = Claim(folder, before, record, lock)
        for name in (STUDY, *names):
            if not mine.ours(name):
                raise BadInput(_in_the_way(folder, name))
        if (folder / ARTIFACTS).exists() and not (folder / ARTIFACTS).is_dir():
            raise BadInput(_in_the_way(folder, ARTIFACTS))
        record.question = question
        mine.wrote(STUDY, *names)
        _write(folder, record)
    except BaseException:
        _unlock(folder, lock)
        raise
    return mine


def check_redrawn(folder: Path, study: Study, names: Iterable[str]) -> None:
    """Put reports' files, which will be drawn again, on the folder's list of what Thimble wrote.

    Raises `BadInput` for a file that is there and not on the list, before anything is written; `CannotWrite` for the list.
    """
    record = _recorded(folder) or _Record(Question.of(study), [])
    new = [name for name in names if name not in record.files]
    for name in new:
        if os.path.lexists(folder / name):
            raise BadInput(
                f"{folder / name} is there, and {folder / RECORD} does not list it as written by Thimble. "
                f"Move it away, or copy {STUDY} into a new folder"
            )
    if new:
        _write(folder, replace(record, files=[*record.files, *new]))


def check_kind(folder: Path, name: str) -> None:
    """Raise `BadInput` where a folder's study, which would be replaced, is no study of that name, such as ``measure``."""
    if os.path.lexists(folder / STUDY):
        try:
            before = read_study(folder)
        except BadInput as error:
            raise BadInput(f"{error}. It would be overwritten: {_elsewhere(folder)}") from error
        if before.name != name:
            raise BadInput(f"{folder} holds a study of thimble {before.name}, which would be overwritten. {_elsewhere(folder)}")


def _found(folder: Path, question: Question) -> tuple[Study | None, _Record]:
    """The study that is there and the folder's record. Raises `BadInput` where they are another question's."""
    record = _recorded(folder)
    if not os.path.lexists(folder / STUDY):
        return None, _Record(question, record.files if record else [])
    try:
        before = read_study(folder)
    except BadInput as error:
        raise BadInput(f"{error}. It would be overwritten: {_elsewhere(folder)}") from error
    asked = Question.of(before, record.question.source if record else "", begun=True)
    if differences := question.differences(asked):
        raise BadInput(f"{folder} holds a study of another question; this one has {'; '.join(differences[:4])}. {_elsewhere(folder)}")
    return before, record or _Record(question, sorted(_known(before, folder)))


def _recorded(folder: Path) -> _Record | None:
    """The folder's record; nothing where there is none, or where it is damaged: then the study says what is known."""
    try:
        return msgspec.json.decode(contents(folder / RECORD), type=_Record)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _known(study: Study, folder: Path) -> Iterator[str]:
    """What an earlier version wrote into a study's folder, which kept no list."""
    from thimble.core.registry import REPORTS

    yield from (STUDY, "study.toml", "best", "sustained.png")
    yield from (name for report in REPORTS.all().values() for name in getattr(report, "files", ()))
    for one in study.candidates:
        if one.artifact is not None and one.folder == f"{ARTIFACTS}/{one.name}":
            yield from (f"{one.folder}/{name}" for name in (MANIFEST, SEEN, *(file.path for file in one.artifact.files)))


def _write(folder: Path, record: _Record) -> None:
    with writing(folder / RECORD), new_file(folder / RECORD) as aside:
        aside.write_bytes(msgspec.json.encode(record) + b"\n")


def _files(folder: Path) -> list[str]:
    """Every file and link below a folder, by its path in it; folders are followed, links are not."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]


def _locked(folder: Path) -> int:
    """Hold the folder's lock, or raise `Busy` with the process that does."""
    path = folder / LOCK
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError as error:
            raise CannotWrite(f"can't write {path}: {error.strerror}; remove it, or name another folder with --out") from error
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise BadInput(_in_the_way(folder, LOCK))
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(file, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise Busy(f"another command (process {holder}) writes into {folder}; wait for it, or name another folder with --out") from None
        if _same(file, path):  # not one that its holder has removed in this moment
            os.ftruncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)
            return file
        os.close(file)


def _unlock(folder: Path, lock: int) -> None:
    with contextlib.suppress(OSError):
        (folder / LOCK).unlink()
    os.close(lock)


def _same(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        return False


def _in_the_way(folder: Path, name: str) -> str:
    return f"{folder / name} is there, and Thimble did not write it; {_elsewhere(folder)}"


def _elsewhere(folder: Path) -> str:
    """What to do: a name that is free."""
    n = 2
    while os.path.lexists(f"{folder}-{n}"):
        n += 1
    return f"Give --out {folder}-{n}, or move away what is there"
