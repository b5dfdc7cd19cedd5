"""``study.toml``: everything that is asked of a fit, in a file that can be written, kept and run again.

Its keys are the options of `thimble.Fit`, and ``out``. Relative paths in it are relative to it.
"""

from __future__ import annotations

import os
import tomllib
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import msgspec

from thimble.api._forms import relative
from thimble.api.options import Asked, built, flat, option_of, options_of
from thimble.api.request import Fit
from thimble.api.shared_options import Folder
from thimble.core.aside import new_file, writing
from thimble.core.errors import BadInput, UnknownName
from thimble.core.paths import contents
from thimble.core.values import first_line

NAME = "study.toml"
OUT = option_of("out", Folder)
"""The folder of the results: a key of the file, and no part of what is asked."""
_HEAD = "# Options of a fit. Run it with: thimble fit --config {name}\n# Relative paths are relative to this file.\n"


def read_config(path: Path | str) -> Fit:
    """What a ``study.toml`` asks for. Raises `BadInput` in one line that names the file and the key."""
    values = read_values(Path(path))
    values.pop("out", None)
    return fit_of(values, str(path))


def config_text(options: Fit, folder: Path | str = ".", out: Path | str | None = None) -> str:
    """The options as the text of a ``study.toml`` in ``folder``: `read_config` reads exactly them back.

    What is left at its default stands there as a comment. Relative paths are meant from the current folder.
    """
    return text_of({**flat(options), "out": None if out is None else str(out)}, Path(folder))


def write_config(options: Fit, folder: Path) -> Path:
    """Leave ``study.toml`` in a study's folder: it repeats the study there."""
    path = folder / NAME
    with writing(path), new_file(path) as aside:
        aside.write_text(config_text(options, folder, os.path.relpath(folder)), encoding="utf-8")
    return path


def fit_of(values: Mapping[str, Any], source: str | None = None) -> Fit:
    """The options from values by key; raises `BadInput` where the model or the data are missing."""
    for one in options_of(Fit):
        if one.default is MISSING and not values.get(one.name):
            name, form = one.name, one.word if one.argument else f"{one.word} {one.option.metavar}"
            where = f"{source} has no {name}; add {name} = {one.option.example}" if source else f"there is no {name}: give {form}"
            raise BadInput(where + ("" if source else f", or {name} = {one.option.example} in the file of --config"))
    return built(Fit, values)


def read_values(path: Path) -> dict[str, Any]:
    """The keys that a ``study.toml`` sets, checked one by one, its relative paths seen from the current folder."""
    return checked(parsed(path), path)


def parsed(path: Path) -> dict[str, Any]:
    """The file as TOML gives it; raises `BadInput` for a file that can't be read, is not TOML, or has an unknown key."""
    try:
        given = tomllib.loads(contents(path).decode("utf-8"))
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML: {first_line(error)}") from error
    except (RecursionError, ValueError) as error:  # brackets in brackets; whole numbers of thousands of digits
        raise BadInput(f"{path} can't be read: {first_line(error)}") from error
    known = keys()
    for name in given:
        if name not in known:
            raise BadInput(f"{path}: {UnknownName('key', name, known)}")
    return given


def checked(given: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The values of a file's keys as the options' types, relative paths seen from the current folder; raises `BadInput` with the key."""
    known = keys()
    values = {name: _converted(known[name], value, path) for name, value in given.items()}
    return {name: _moved(known[name], value, lambda text: _normal(path.parent, text)) for name, value in values.items()}


def text_of(values: Mapping[str, Any], folder: Path) -> str:
    """A ``study.toml`` for ``folder`` with these values by key, and a comment for every key that is not among them."""
    lines = [_HEAD.format(name=NAME)]
    for name, one in keys().items():
        value = values.get(name)
        lines.append(f"# {help_text(one)}")
        if value in (None, {}, (), []):
            lines.append(f"# {name} = {one.option.example}\n")
        else:
            moved = _moved(one, value, lambda text: _relative(text, folder))
            lines.append(f"{name} = {shown_value(one.option.write(moved) if one.option.write else moved)}\n")
    return "\n".join(lines)


def help_text(one: Asked) -> str:
    """An option's sentence, the values that it takes where they are few, and what an absent value means."""
    few = f" One of {', '.join(typing.get_args(one.kind))}." if typing.get_origin(one.kind) is typing.Literal else ""
    default = f" Default: {one.option.default}." if one.option.default else ""
    return f"{one.option.help}{few}{default}"


def keys() -> dict[str, Asked]:
    """Return every key of the file, in the file's order."""
    return {one.name: one for one in (*options_of(Fit), OUT)}


def _moved(one: Asked, value: Any, move: Callable[[str], str]) -> Any:
    """A value with the path in it moved by ``move``; one that holds no relative path stays as it is."""
    if one.option.path is not None and isinstance(value, Mapping):
        return {name: _moved(one, inner, move) for name, inner in value.items()}
    if one.option.path is None or not isinstance(value, str):
        return value
    parts = one.option.path(value)
    return f"{parts[0]}{move(parts[1])}{parts[2]}" if relative(parts) else value


def _converted(one: Asked, value: Any, path: Path) -> Any:
    """A value as TOML gives it → one of the option's type; raises `BadInput` with the file and the key."""
    try:
        made = one.option.read(value) if one.option.read and isinstance(value, str) else value
    except (ValueError, OverflowError) as error:
        raise BadInput(f"{path}: {one.name} {one.refusal(shown_value(value))}") from error
    if said := one.problem(made, shown_value):
        raise BadInput(f"{path}: {one.name} {said}")
    return msgspec.convert(made, str if one is OUT else one.kind)


def _normal(folder: Path, text: str) -> str:
    return os.path.normpath(folder / text)


def _relative(text: str, folder: Path) -> str:
    return Path(os.path.relpath(text, folder)).as_posix()


def shown_value(value: Any) -> str:
    """A value as TOML writes it, lists and tables on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        inner = ", ".join(f"{shown_value(str(key))} = {shown_value(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown_value, value))}]"
    return repr(value)
