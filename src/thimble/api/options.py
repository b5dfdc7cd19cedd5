"""The options of a request, read from its annotated fields: what each one is, and why a value can't be.

The command line, ``study.toml`` and the Python functions share them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from thimble.core.errors import BadInput
from thimble.core.model import TORCH
from thimble.core.option import Option, parted, parted_fields
from thimble.core.settings import wanted
from thimble.core.text import brief

if TYPE_CHECKING:
    from thimble.api.request import Fit
    from thimble.core.task import Task

Request = TypeVar("Request")


@dataclass(frozen=True)
class Asked:
    """One option of a request: the field's name, what it says of itself, its type with its range, and its default.

    ``group`` is the field that holds it, where options that belong together are a value of their own (`Limits`).
    ``default`` is ``MISSING`` where a value must be given.
    """

    name: str
    option: Option
    kind: Any
    default: Any
    group: str = ""

    @property
    def argument(self) -> bool:
        """Return whether the command line gives it by its place."""
        return self.option.argument and self.default is MISSING

    @property
    def word(self) -> str:
        """The option as it is written on the command line; an argument by its metavar."""
        if self.argument:
            return self.option.metavar
        return self.option.words[0] if self.option.words else f"--{self.name.replace('_', '-')}"

    def problem(self, value: Any, shown: Callable[[Any], str] = repr) -> str | None:
        """Return why the option can't have this value, to be read behind its name; ``None`` where it can."""
        if value is None and self.default is None:
            return None
        if value == "":
            return "is empty"
        try:
            _convert(value, self.kind)
        except (msgspec.ValidationError, OverflowError):
            return self.refusal(shown(value))
        return self.option.problem(value) if self.option.problem else None

    def refusal(self, said: str) -> str:
        """Return what the option takes, and the text of the value that it doesn't take."""
        return f"must be {self.option.form or wanted(self.kind)}, not {brief(said)}"


def options_of(request: type) -> tuple[Asked, ...]:
    """Return the options of a request in the order of its fields, those of a group in the group's place."""
    return tuple(_read(request, ""))


def option_of(name: str, hint: Any, default: Any = None) -> Asked:
    """Return one option that is no field of a request, from its annotated type."""
    kind, option = parted(hint)
    return Asked(name, option or Option(), kind, default)


def _read(cls: type, group: str) -> Iterator[Asked]:
    defaults = {field.name: field.default for field in dataclasses.fields(cls)}
    for name, (kind, option) in parted_fields(cls).items():
        if option:
            yield Asked(name, option, kind, defaults[name], group)
        elif isinstance(kind, type) and dataclasses.is_dataclass(kind):
            yield from _read(kind, name)


def _convert(value: Any, kind: Any) -> None:
    """Raise ``msgspec.ValidationError`` where the type or its range doesn't hold the value."""
    if kind == str | Path:
        kind = Path if isinstance(value, Path) else str
    msgspec.convert(dict(value) if isinstance(value, Mapping) else value, kind)


def flat(request: Any) -> dict[str, Any]:
    """Return the value of every option of a request by its name."""
    return {one.name: getattr(getattr(request, one.group) if one.group else request, one.name) for one in options_of(type(request))}


def built(request: type[Request], values: Mapping[str, Any]) -> Request:
    """Return the request with these values by the options' names; what is absent has its default. Values are not checked."""
    fields: dict[str, Any] = {}
    grouped: dict[str, dict[str, Any]] = {}
    for one in options_of(request):
        if one.name in values:
            (grouped.setdefault(one.group, {}) if one.group else fields)[one.name] = values[one.name]
    for group, inner in grouped.items():
        fields[group] = parted_fields(request)[group][0](**inner)
    return request(**fields)


def check(request: Any) -> None:
    """Raise `BadInput` for a field of a request that can't be, in the words of the command line."""
    values = flat(request)
    for one in options_of(type(request)):
        if said := one.problem(values[one.name]):
            raise BadInput(f"{one.word} {said}")


def check_against(options: Fit, task: Task) -> None:
    """Raise `BadInput` for an option that makes no sense with this model or these data."""
    from thimble.api.resolve import trainable
    from thimble.core.registry import METRICS
    from thimble.models import entry_format

    drop = options.limits.max_drop
    if drop is not None and drop > 100 and METRICS.get(task.metric).unit == "%":
        raise BadInput(f"--max-drop is {drop:g} points, and {task.metric} can't lose more than 100: leave it out for no limit")
    if options.student and entry_format(options.model) != TORCH:
        raise BadInput(f"--student {options.student} can't learn from the file {options.model}: give the network itself, as PyTorch code")
    if options.student and not trainable(task):
        raise BadInput(f"--student {options.student} needs a train split to learn from, and {task.name} has none")


def check_runtimes(names: Sequence[str]) -> None:
    """Raise `UnknownName` for a name that no runtime has."""
    from thimble.core.registry import RUNTIMES

    for name in names:
        RUNTIMES.get(name)
