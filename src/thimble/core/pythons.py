"""Which Python runs a runtime and its exporters: this one, one that the user names, or one that ``thimble setup`` made.

Extras whose libraries can't share an environment lie in environments of their own. Workers there need NumPy and the runtime's library.
Steps need the core's libraries, too; Thimble's own source comes along.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from thimble.core import temporary
from thimble.core.distribution import NAME, distribution_of
from thimble.core.errors import BadInput, ThimbleError
from thimble.core.paths import user_config, user_path
from thimble.core.registry import RUNTIMES, STEPS, snake_case

MARK = "thimble.json"
"""What is written last into an environment that ``thimble setup`` makes: without it, the environment is not complete."""
ASKING_S = 120.0
"""How long a Python may take to say what is installed there."""
_ASK = """
import importlib.metadata, importlib.util, json, sys
versions = {}
for one in importlib.metadata.distributions():
    versions.setdefault(one.metadata["Name"] or "", one.version)
modules = [name for name in sys.argv[1:] if importlib.util.find_spec(name)]
print(json.dumps({"modules": modules, "versions": versions, "python": list(sys.version_info[:2])}))
"""
_stated: dict[str, str] = {}


@dataclass(frozen=True)
class Python:
    """An interpreter: its path, the modules that are installed there among those that runtimes and steps need, and versions."""

    path: str
    modules: frozenset[str] = frozenset()
    versions: Mapping[str, str] = field(default_factory=dict)
    here: bool = False

    def has(self, module: str) -> bool:
        """Return whether a module's package is installed there."""
        top = module.partition(".")[0]
        return importlib.util.find_spec(top) is not None if self.here else top in self.modules

    def holds(self, needs: Iterable[str]) -> bool:
        """Return whether all of these modules are."""
        return all(map(self.has, needs))

    def version(self, distribution: str) -> str | None:
        """Return the version of a distribution there; ``None`` where it is absent."""
        if not self.here:
            return self.versions.get(_normal(distribution))
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            return None

    def lacking(self) -> list[str]:
        """Return what the core needs and is absent there, as ``pip`` takes it: steps can't be carried out without."""
        try:
            lines = importlib.metadata.requires(NAME) or []
        except importlib.metadata.PackageNotFoundError:
            return []
        core = [line for line in lines if ";" not in line]
        return [line for line in core if self.version(re.split(r"[<>=!~ \[]", line, maxsplit=1)[0]) is None]

    def environment(self) -> dict[str, str]:
        """Return the environment variables of a process there; what this Python's say of modules is left out for another one."""
        given = temporary.environment()
        if self.here:
            return given
        return {name: value for name, value in given.items() if name not in ("PYTHONPATH", "PYTHONHOME")} | {"PYTHONNOUSERSITE": "1"}


THIS = Python(sys.executable, here=True)


@contextmanager
def naming(pythons: Mapping[str, str] | None) -> Iterator[None]:
    """Run these runtimes, by name, and their exporters in these interpreters while the block lasts.

    Raises `UnknownName` for a name that no runtime has, `BadInput` for a Python that can't be run or lacks the runtime's library.
    """
    given = dict(pythons or {})
    for name, path in given.items():
        _checked(name, path, "[python]")
    before = dict(_stated)
    _stated.update(given)
    try:
        yield
    finally:
        _stated.clear()
        _stated.update(before)


def python_of(thing: Any) -> Python:
    """Return the Python that runs a runtime, or carries out a step (their classes or objects).

    That is the one that the user names for the runtime, or for one whose own format the step writes; else this one, where
    all that it needs is installed; else the first other one that has it; else this one. Raises `BadInput` where the named one is broken.
    """
    produced = getattr(thing, "produces", None)
    cls = thing if isinstance(thing, type) else type(thing)
    for name, (path, source) in _named().items():
        if produced is None and name == snake_case(cls.__name__):
            return _checked(name, path, source)
        if produced is not None and RUNTIMES.get(name).formats[0] == produced and (one := _checked(name, path, source)).holds(thing.needs):
            return one
    if THIS.holds(thing.needs):
        return THIS
    return next((one for one in _others() if one.holds(thing.needs)), THIS)


def installed(module: str) -> bool:
    """Return whether a module is installed here, or in another Python that is named or was set up."""
    return THIS.has(module) or any(one.has(module) for one in _others())


def version_of(distribution: str) -> str | None:
    """Return the version of a distribution where it is used: a runtime's in the runtime's Python; ``None`` where it is absent."""
    its = [python_of(cls) for cls in RUNTIMES.all().values() if cls.distribution == distribution]
    if its:
        return next((one for one in its if not one.here), its[0]).version(distribution)
    return THIS.version(distribution) or next((found for one in _others() if (found := one.version(distribution))), None)


def versions(thing: Any) -> dict[str, str]:
    """Return the versions of the libraries that a step needs, in the Python that carries it out; ``absent`` where one is not there."""
    python = python_of(thing)
    return {module: python.version(distribution_of(module)) or "absent" for module in thing.needs}


def environments() -> Path:
    """Return the folder of the environments that ``thimble setup`` makes: in ``$XDG_DATA_HOME``, else ``~/.local/share``."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "thimble" / "environments"


def interpreter(folder: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def set_up() -> dict[str, Path]:
    """Return the interpreters of the environments that ``thimble setup`` has completed, by the runtime's name."""
    root = environments()
    names = sorted(path.name for path in root.iterdir() if (path / MARK).is_file()) if root.is_dir() else []
    return {name: interpreter(root / name) for name in names}


@cache
def look(path: str) -> Python:
    """Ask an interpreter what is installed there. Raises `BadInput` in one line where it can't be run."""
    wanted = sorted({module.partition(".")[0] for kind in (RUNTIMES, STEPS) for cls in kind.all().values() for module in cls.needs})
    environment = {**os.environ, "PYTHONNOUSERSITE": "1"}
    try:
        done = subprocess.run(
            [path, "-I", "-c", _ASK, *wanted], capture_output=True, text=True, check=False, env=environment, timeout=ASKING_S
        )
    except subprocess.TimeoutExpired as error:
        raise BadInput(f"{path} doesn't say within {ASKING_S:g} s what is installed there") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{path} can't be run as Python: {reason}") from error
    try:
        told = json.loads(done.stdout)
        modules, had, python = frozenset(told["modules"]), dict(told["versions"]), tuple(told["python"])
    except (ValueError, TypeError, KeyError):
        words = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
        raise BadInput(f"{path} can't be run as Python: {words[:300]}") from None
    if python < (3, 11):
        raise BadInput(f"{path} is Python {'.'.join(map(str, python))}, and Thimble needs 3.11 or newer")
    return Python(path, modules, {_normal(name): version for name, version in had.items()})


def _checked(name: str, path: str, source: str) -> Python:
    """A runtime's Python as the user names it, with the runtime's library in it."""
    cls = RUNTIMES.get(name)
    try:
        python = look(str(path))
    except BadInput as error:
        raise BadInput(f"{source} {name}: {error}") from None
    if absent := [module for module in cls.needs if not python.has(module)]:
        raise BadInput(
            f"{source} {name}: {path} has no {absent[0]}; install it there, with: {path} -m pip install {distribution_of(absent[0])}"
        )
    return python


def _named() -> dict[str, tuple[str, str]]:
    """Paths by runtime, with the place that names them: what is stated for this work, before the user's ``python.toml``."""
    return {name: (path, "python.toml:") for name, path in _configured().items()} | {
        name: (path, "[python]") for name, path in _stated.items()
    }


def _configured() -> dict[str, str]:
    """The user's ``python.toml``: ``litert = "/path/to/python"``. Raises `BadInput` for one that can't be read."""
    path = user_config("python.toml")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} can't be read: {error}") from error
    for key, value in values.items():
        if not isinstance(value, str) or key not in RUNTIMES.names():
            raise BadInput(f'{path}: {key} must name the Python of a runtime, such as litert = "/path/to/python", not {value!r}')
    return {key: str(path.parent / user_path(value)) for key, value in values.items()}


def _others() -> Iterator[Python]:
    """The other Pythons that can be run; a broken one is told of where it is named or listed."""
    for path in dict.fromkeys((*(path for path, _ in _named().values()), *map(str, set_up().values()))):
        try:
            yield look(path)
        except ThimbleError:
            continue


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
