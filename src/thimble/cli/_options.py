"""The command line's options, made from a request's annotated fields."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from thimble.api.options import Asked, built, options_of
from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.core.text import brief

Command = Callable[..., Any]
Request = TypeVar("Request")


class Reading(click.ParamType[Any]):
    """Reads a text as an option's value; one that can't be is refused in one line with the option and the text."""

    def __init__(self, asked: Asked, read: Callable[[str], Any]) -> None:
        self.asked, self.read = asked, read
        self.name = asked.option.metavar or "TEXT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value; raises `BadInput`."""
        try:
            found = self.read(value)
        except (ValueError, OverflowError) as error:
            raise BadInput(f"{self.asked.word} {self.asked.refusal(_typed(value))}") from error
        if found == ():
            raise BadInput(f"{self.asked.word} {_typed(value)} is empty; leave it out, or give {self.name}")
        if problem := self.asked.problem(found, lambda _: _typed(value)):
            raise BadInput(f"{self.asked.word} {problem}")
        return found


class Directory(click.ParamType[Path]):
    """Reads a folder's name; an empty one is refused, which would be the current folder."""

    name = "DIR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path; raises `BadInput`."""
        if not str(value).strip():
            raise BadInput(f"{param.opts[0] if param else 'the folder'} is empty; name a folder")
        return user_path(value)


class Pair(Reading):
    """Reads one ``NAME=VALUE`` of an option that can be repeated; `_table` checks all of them together."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name and the value; raises `BadInput`."""
        name, equals, text = value.rpartition("=")
        try:
            if equals and name:
                return name, self.read(text)
        except (ValueError, OverflowError):
            pass
        raise BadInput(f"{self.asked.word} must be of the form {self.name}, not {_typed(value)}")


def options(request: type, required: bool = True) -> Callable[[Command], Command]:
    """Add every option of a request to a command; without ``required`` a value may come from elsewhere, as from a file."""

    def decorated(command: Command) -> Command:
        for one in reversed(options_of(request)):
            command = option(one, required)(command)
        return command

    return decorated


def option(one: Asked, required: bool = True) -> Callable[[Command], Command]:
    """Return the click decorator of one option; it gives ``None`` where the option is absent, not its default."""
    said, kind = one.option, typing.get_origin(one.kind)
    if one.argument:
        metavar = said.metavar if required else f"[{said.metavar}]"
        return click.argument(one.name, required=required, metavar=metavar, type=Reading(one, str))
    words = (*(said.words or (one.word,)), one.name)
    must = required and one.default is MISSING
    more: dict[str, Any] = {"help": help_of(one), **({"required": True} if must else {"default": None})}  # a default of None would do
    if one.kind is bool or said.flag is not None:
        return click.option(*words, is_flag=True, flag_value=True if said.flag is None else said.flag, type=click.UNPROCESSED, **more)
    if kind is Literal:
        return click.option(*words, type=click.Choice(typing.get_args(one.kind)), **more)
    more["metavar"] = said.metavar or "TEXT"
    if kind is Mapping:
        return click.option(*words, multiple=True, type=Pair(one, _reader(typing.get_args(one.kind)[1])), callback=_table(one), **more)
    return click.option(*words, type=Reading(one, said.read or _reader(one.kind)), **more)


def log_option(command: Command) -> Command:
    """Add ``--log``, which names trackers that get the study."""
    help = "Log the study to a tracker, such as mlflow:http://127.0.0.1:5000 or mlflow:sqlite:///runs.db. Repeat for several."
    return click.option("--log", multiple=True, metavar="NAME:URI", help=help)(command)


def help_of(one: Asked) -> str:
    """Return an option's sentence, with what an absent value means."""
    absent = one.default is False or one.default in (None, MISSING, ())
    default = one.option.default or ("" if absent else str(one.default))
    return one.option.help + (f"  [default: {default}]" if default else "")


def request_of(request: type[Request], given: Mapping[str, Any]) -> Request:
    """Return the request with what was given on the command line, and defaults for what wasn't."""
    return built(request, stated(given))


def stated(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given on the command line."""
    return {name: value for name, value in given.items() if value is not None and value != {}}


def _table(one: Asked) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(ctx: click.Context, parameter: click.Parameter, pairs: Any) -> dict[str, Any]:
        value = dict(pairs or ())
        if problem := one.problem(value):
            raise BadInput(f"{one.word} {problem}")
        return value

    return callback


def _typed(text: str) -> str:
    """Return a text as it is shown in a message: a number bare, all else in quotes."""
    return brief(text if text[:1] in tuple("+-.0123456789") else repr(text))


def _reader(kind: Any) -> Callable[[str], Any]:
    """Return what reads a text as a value of a type: numbers and names apart by commas."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _reader(parts[0])
    if origin in (tuple, Sequence):
        return lambda text: tuple(_reader(parts[0])(part.strip()) for part in text.split(",") if part.strip())
    return {int: int, float: float}.get(kind, str)
