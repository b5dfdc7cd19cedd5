"""Import a user's Python file and find a function in it: the only code from outside that is ever executed."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from thimble.core.errors import BadInput, OutOfTime, ThimbleError, UnknownName
from thimble.core.paths import contents, user_path
from thimble.core.patience import returning
from thimble.core.values import first_line, listed


def import_user_file(path: Path) -> ModuleType:
    """The file as a module whose name follows from its contents, executed once per process.

    The module stands in ``sys.modules`` before it is executed, so pickles of its classes can be read in any process
    that has called this first. Modules beside the file can be imported by it; installed ones come first.
    Raises `BadInput` with the error's own words and line where the file can't be read or fails.
    """
    path = user_path(path).resolve()
    try:
        source = contents(path)
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from error
    name = f"thimble_user_{path.stem}_{hashlib.sha256(source).hexdigest()[:12]}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    sys.modules[name] = module
    try:
        with returning(f"importing {path.name}"):
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt | OutOfTime):
            raise
        raise BadInput(f"{path} can't be imported: {foreign(error, path)}") from error
    return module


def user_function(text: str) -> tuple[Callable[..., Any], Path]:
    """The function that ``path/file.py:function`` names, and the file's path.

    Raises `BadInput` where the file can't be imported or the function needs arguments, `UnknownName` for a name that
    the file doesn't define.
    """
    file, _, name = text.rpartition(":")
    path = user_path(file if file else text)
    if not file or not name:
        raise BadInput(f"{text!r} names no function; write {path}:FUNCTION")
    if not path.is_file():
        raise BadInput(f"there is no file {path}")
    module = import_user_file(path)
    function = getattr(module, name, None)
    if not callable(function):
        own = [key for key, value in vars(module).items() if callable(value) and getattr(value, "__module__", "") == module.__name__]
        raise UnknownName(f"function of {path}", name, own)
    return function, path


def called(function: Callable[..., Any], text: str, path: Path, most_s: float | None = None) -> Any:
    """What the user's function returns, called without arguments; its errors become `BadInput` in one line.

    One that has not returned after ``most_s`` is ended with `BadInput`, or with `OutOfTime` where the command's time is over.
    """
    required = [
        name
        for name, one in inspect.signature(function).parameters.items()
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    if required:
        raise BadInput(f"{text} needs {listed(required)}; it must be callable without arguments")
    try:
        with returning("the function", most_s):
            return function()
    except KeyboardInterrupt:
        raise
    except OutOfTime as error:
        raise OutOfTime(f"{text}: {error}") from error
    except ThimbleError as error:
        raise BadInput(f"{text}: {error}") from error
    except BaseException as error:
        raise BadInput(f"{text} failed: {foreign(error, path)}") from error


@contextmanager
def blamed(text: str, path: Path | None) -> Iterator[None]:
    """Turn an error that the user's code raises inside the block into `BadInput`: a network may fail whenever it is looked at.

    Errors that pass through no line of ``path`` are Thimble's own, and stay as they are.
    """
    try:
        yield
    except ThimbleError:
        raise
    except Exception as error:
        if path is None or not _lines(error, path):
            raise
        raise BadInput(f"{text} failed: {foreign(error, path)}") from error


def foreign(error: BaseException, path: Path | None = None) -> str:
    """``TypeError: its first line``, with the last line of ``path`` that it came through."""
    text = f"{type(error).__name__}: {first_line(error)}" if str(error).strip() else type(error).__name__
    numbers = _lines(error, path) if path else []
    return f"{text} (line {numbers[-1]})" if numbers else text


def _lines(error: BaseException, path: Path) -> list[int | None]:
    """The lines of the user's file that an error came through."""
    return [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path.resolve()]


def code_files(path: Path) -> list[Path]:
    """The file and every Python file beside it that it imports, directly or through another, sorted."""
    found: set[Path] = set()
    waiting = [path.resolve()]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        waiting += [near for name in _imported(file) for near in _beside(file.parent, name) if near not in found]
    return sorted(found)


def _imported(file: Path) -> set[str]:
    """First parts of the names of all modules that the file's source imports."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module.partition(".")[0]} if node.module else {alias.name for alias in node.names}
    return names


def _beside(folder: Path, name: str) -> list[Path]:
    package = folder / name
    if (package / "__init__.py").is_file():
        return sorted(package.rglob("*.py"))
    module = folder / f"{name}.py"
    return [module] if module.is_file() else []
