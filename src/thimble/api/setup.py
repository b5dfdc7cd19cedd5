"""Environments of their own for runtimes whose libraries can't share this one: made, found again, listed and removed."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from thimble.core.aside import new_file, writing
from thimble.core.distribution import NAME, distribution_of
from thimble.core.errors import BadInput, Busy, CannotWrite, ThimbleError
from thimble.core.pythons import MARK, environments, interpreter, look, set_up
from thimble.core.registry import MODELS, RUNTIMES, TASKS
from thimble.core.values import MB
from thimble.devices.lockfile import held_by_another, opened

NETWORKS = ("torch", "torchvision", "torch-pruning")
"""What stored networks may be made of."""


@dataclass(frozen=True)
class Environment:
    """An environment of a runtime: ``state`` is ``ready``, ``broken``, ``unfinished`` or ``absent``.

    ``requirements`` are what ``pip`` installs there, ``python`` is its interpreter. ``mb`` is about what it takes on the disk when it is
    complete, as measured on Linux x86-64.
    """

    name: str
    title: str
    state: str
    folder: Path
    python: Path
    requirements: tuple[str, ...]
    mb: int


@dataclass(frozen=True)
class Environments:
    """Every runtime that an environment can be made for."""

    environments: tuple[Environment, ...]


def listed() -> Environments:
    """Every runtime that an environment can be made for, with what is there."""
    return Environments(tuple(_described(name) for name, cls in RUNTIMES.all().items() if getattr(cls, "pinned", ())))


def setup(name: str, options: Sequence[str] = (), tell: Callable[[str], None] = lambda line: None) -> Environment:
    """Make the environment of a runtime, with the exact versions that Thimble is tested with, and find it again from then on.

    ``options`` are added to ``pip install``. ``tell`` gets a line before anything is installed: the folder, and its megabytes.
    An environment that is complete with these versions is left as it is; one that was interrupted is completed, and what ``pip`` has
    downloaded is not downloaded again. Raises `BadInput` for a runtime that needs no environment, `Busy` where it is being
    made, `CannotWrite` where the disk is too small, and `ThimbleError` with pip's last words where an installation fails.
    """
    wanted = _wanted(name)
    if wanted.state == "ready" and _kept(wanted) == list(wanted.requirements):
        tell(f"{wanted.title} is set up in {wanted.folder}")
        return wanted
    with writing(wanted.folder):
        wanted.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(wanted.folder.parent).free / MB
    if free < 1.2 * wanted.mb:
        raise CannotWrite(f"{wanted.folder} needs about {wanted.mb:,} MB and some room to work, and {free:,.0f} MB are free")
    tell(f"{wanted.title} gets an environment in {wanted.folder}, which takes about {wanted.mb:,} MB: {', '.join(wanted.requirements)}")
    lock = opened(wanted.folder.parent / f".{name}.lock")
    if (holder := held_by_another(lock, 0)) is not None:
        raise Busy(f"process {holder} is making {wanted.folder}; wait for it")
    (wanted.folder / MARK).unlink(missing_ok=True)
    look.cache_clear()
    if not _runs(wanted.python):
        _venv(wanted.folder)
    _called([str(wanted.python), "-m", "pip", "install", *options, *wanted.requirements], f"pip can't install {wanted.title}")
    look.cache_clear()
    python = look(str(wanted.python))
    if absent := [module for module in RUNTIMES.get(name).needs if not python.has(module)]:
        raise ThimbleError(f"{wanted.folder} has no {absent[0]}, though pip installed what brings it")
    with writing(wanted.folder), new_file(wanted.folder / MARK) as aside:
        aside.write_text(json.dumps({"requirements": wanted.requirements}))
    return _described(name)


def remove(name: str) -> Environment:
    """Remove an environment that was made here; one that isn't there is no error. Gives what is left: nothing."""
    wanted = _wanted(name)
    with writing(wanted.folder):
        (wanted.folder / MARK).unlink(missing_ok=True)
        if wanted.folder.exists():
            shutil.rmtree(wanted.folder)
    look.cache_clear()
    return _described(name)


def _wanted(name: str) -> Environment:
    cls = RUNTIMES.get(name)
    if not getattr(cls, "pinned", ()):
        able = [one.name for one in listed().environments]
        raise BadInput(f"{cls.title} has no environment of its own; thimble setup knows {', '.join(able)}")
    return _described(name)


def _described(name: str) -> Environment:
    cls, folder = RUNTIMES.get(name), environments() / name
    python = interpreter(folder)
    state = "unfinished" if folder.is_dir() else "absent"
    if name in set_up():
        state = "ready" if _runs(python) else "broken"
    return Environment(name, cls.title, state, folder, python, _requirements(cls.pinned), cls.pinned_mb)


def _requirements(pinned: Sequence[str]) -> tuple[str, ...]:
    """The runtime's own versions, then this environment's of what steps need beside it: they read stored networks and the data."""
    try:
        lines = importlib.metadata.requires(NAME) or []
    except importlib.metadata.PackageNotFoundError:
        lines = []
    core = [re.split(r"[<>=!~ \[;]", line, maxsplit=1)[0] for line in lines if ";" not in line]
    sources = sorted({distribution_of(module) for kind in (MODELS, TASKS) for cls in kind.all().values() for module in cls.needs})
    wanted = dict.fromkeys((*core, *(NETWORKS if "torch" in pinned else ()), *(name for name in sources if name not in NETWORKS)))
    names = [name for name in wanted if name not in {one.partition("==")[0] for one in pinned if "==" in one}]
    return (*(one for one in pinned if "==" in one), *(f"{name}=={version}" for name in names if (version := _version(name))))


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _kept(environment: Environment) -> list[str]:
    """The requirements that an environment was completed with."""
    try:
        found: list[str] = json.loads((environment.folder / MARK).read_text(encoding="utf-8"))["requirements"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return found


def _runs(python: Path) -> bool:
    try:
        look(str(python))
    except BadInput:
        return False
    return True


def _venv(folder: Path) -> None:
    """An empty virtual environment of this Python's version in place of whatever is there."""
    hint = "this Python can't make a virtual environment (on Debian: apt install python3-venv)"
    _called([sys.executable, "-m", "venv", "--clear", str(folder)], hint)
    look.cache_clear()


def _called(command: list[str], failure: str) -> None:
    """Run a command that shows its own progress on standard error; it ends with this process's interruption."""
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", file=sys.stderr, flush=True)
                lines = [*lines[-20:], line.strip()]
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        telling = [line for line in lines if line.startswith("ERROR")] or [line for line in lines if line] or ["no words"]
        raise ThimbleError(f"{failure}: {telling[-1].removeprefix('ERROR: ')[:300]}")
