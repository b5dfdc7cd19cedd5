"""``study.toml``: everything that is asked of a fit, in a file that can be written, kept and run again.

Its keys are the fields of `thimble.Fit` and `thimble.Limits`, and ``out``. Relative paths in it are relative to it.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from thimble.api.fit import Fit
from thimble.api.options import OPTIONS, problem
from thimble.core.errors import BadInput, CannotWrite, UnknownName
from thimble.core.study import Limits
from thimble.core.text import brief
from thimble.core.values import first_line, seconds_of

NAME = "study.toml"
_LIMITS = tuple(f.name for f in dataclasses.fields(Limits))
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_HEAD = "# What is asked of a fit. Run it with: thimble fit --config {name}\n# Relative paths are relative to this file.\n"


def read_config(path: Path | str) -> Fit:
    """What a ``study.toml`` asks for. Raises `BadInput` in one line that names the file and the key."""
    values = read_values(Path(path))
    values.pop("out", None)
    return fit_of(values, str(path))


def config_text(options: Fit, folder: Path | str = ".", out: Path | str | None = None) -> str:
    """The options as the text of a ``study.toml`` in ``folder``: `read_config` reads exactly them back.

    What is left at its default stands there as a comment. Relative paths are meant from the current folder.
    """
    values = {f.name: getattr(options, f.name) for f in dataclasses.fields(Fit) if f.name != "limits"}
    return text_of({**values, **dataclasses.asdict(options.limits), "out": None if out is None else str(out)}, Path(folder))


def write_config(options: Fit, folder: Path) -> Path:
    """Leave ``study.toml`` in a study's folder: it repeats the study there."""
    path, aside = folder / NAME, folder / f".{NAME}.{os.getpid()}"
    try:
        aside.write_text(config_text(options, folder, os.path.relpath(folder)), encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise CannotWrite(f"can't write {path}: {error.strerror or error}") from error
    return path


def fit_of(values: Mapping[str, Any], source: str | None = None) -> Fit:
    """The options from values by key; raises `BadInput` where the model or the data are missing."""
    for name, form in (("model", "MODEL"), ("data", "--data SPEC")):
        if not values.get(name):
            where = f"{source} has no {name}; add {name} = {OPTIONS[name].example}" if source else f"there is no {name}: give {form}"
            raise BadInput(where + ("" if source else f", or {name} = {OPTIONS[name].example} in the file of --config"))
    limits = Limits(**{name: values[name] for name in _LIMITS if name in values})
    return Fit(limits=limits, **{name: value for name, value in values.items() if name not in _LIMITS})


def read_values(path: Path) -> dict[str, Any]:
    """The keys that a ``study.toml`` sets, checked one by one, its relative paths seen from the current folder."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no TOML: {first_line(error)}") from error
    except (RecursionError, ValueError) as error:  # brackets in brackets; whole numbers of thousands of digits
        raise BadInput(f"{path} can't be read: {first_line(error)}") from error
    kinds = _kinds()
    for name in given:
        if name not in kinds:
            raise BadInput(f"{path}: {UnknownName('key', name, kinds)}")
    values = {name: _converted(name, value, kinds[name], path) for name, value in given.items()}
    return {name: rebased(name, value, lambda text: _normal(path.parent, text)) for name, value in values.items()}


def text_of(values: Mapping[str, Any], folder: Path) -> str:
    """A ``study.toml`` for ``folder`` with these values by key, and a comment for every key that is not among them."""
    lines = [_HEAD.format(name=NAME)]
    for name in [*(key for key in OPTIONS if key in _kinds()), *(key for key in _kinds() if key not in OPTIONS)]:
        value = values.get(name)
        if name in OPTIONS:
            lines.append(f"# {OPTIONS[name].help}")
        if value is None or value == {}:
            lines.append(f"# {name} = {OPTIONS[name].example if name in OPTIONS else '...'}\n")
        else:
            lines.append(f"{name} = {_toml(_written(name, value, folder))}\n")
    return "\n".join(lines)


def rebased(name: str, value: Any, move: Callable[[str], str]) -> Any:
    """A value with the path in it moved by ``move``; one that holds no relative path stays as it is."""
    if not isinstance(value, str) or name not in ("model", "student", "data", "weights", "out"):
        return value
    before, path, after = _parted(name, value)
    absolute = not path or path.startswith("~") or Path(path).is_absolute()
    return value if absolute else f"{before}{move(path)}{after}"


def _parted(name: str, text: str) -> tuple[str, str, str]:
    """What stands before the path in an option's text, the path, and what stands behind it; no path in a bare name."""
    from thimble.core.registry import MODELS, TASKS

    if name == "out" or (name == "weights" and text != "imagenet"):
        return "", text, ""
    if ".py:" in text:
        path, colon, function = text.rpartition(":")
        return "", path, colon + function
    head, colon, rest = text.partition(":")
    if name == "data":
        return (head + colon, rest, "") if colon and head in TASKS.names() else (text, "", "")
    if name in ("model", "student") and not (colon and head in MODELS.names()):
        return "", text, ""
    return text, "", ""


def _kinds() -> dict[str, Any]:
    """The type of every key."""
    found: dict[str, Any] = {}
    for cls in (Fit, Limits):
        hints = typing.get_type_hints(cls)
        found |= {f.name: hints[f.name] for f in dataclasses.fields(cls) if f.name != "limits"}
    return {**found, "out": str | None}


def _converted(name: str, value: Any, kind: Any, path: Path) -> Any:
    try:
        made = seconds_of(value) if name == "budget" and isinstance(value, str) else msgspec.convert(value, kind)
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        wanted = 'seconds, or text such as "10m"' if name == "budget" else _said(kind)
        raise BadInput(f"{path}: {name} must be {wanted}, not {brief(_toml(value))}") from error
    if said := problem(name, made):
        raise BadInput(f"{path}: {name} {said}")
    return made


def _said(kind: Any) -> str:
    """A type in words: ``a list of numbers``."""
    options = [one for one in typing.get_args(kind) if one is not type(None)]
    if type(None) in typing.get_args(kind):
        return " or ".join(map(_said, options))
    origin = typing.get_origin(kind)
    if origin is tuple:
        return f"a list of {_said(options[0]).removeprefix('a ')}s"
    if origin is not None:
        return "a table of names with " + _said(options[1]).removeprefix("a ").replace("list", "lists")
    return _WORDS.get(kind, str(kind))


def _written(name: str, value: Any, folder: Path) -> Any:
    if name == "budget":
        return f"{value / 60:.0f}m" if value % 60 == 0 else f"{int(value) if value == int(value) else value!r}s"
    return rebased(name, value, lambda text: _relative(text, folder))


def _normal(folder: Path, text: str) -> str:
    return os.path.normpath(folder / text)


def _relative(text: str, folder: Path) -> str:
    return Path(os.path.relpath(text, folder)).as_posix()


def _toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_toml(str(key))} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)
