"""What a field of a request says of itself beside its type: the words and the form of one option."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache, reduce
from typing import Annotated, Any


@dataclass(frozen=True)
class Option:
    """One option, as a mark of a field's type: ``Annotated[int, Meta(ge=1, le=1024), Option("Threads ...", "2")]``.

    The type and its ``Meta`` say what is allowed; an option is optional where the field has a default. The command line,
    ``study.toml`` and the checks of the Python function are made from the field, so nothing else repeats it.

    ``help`` is one sentence, ``example`` a value as TOML writes it, ``default`` says in words what an absent value means.
    ``words`` are the names on the command line where they differ from the field's, ``metavar`` the name of the value there.
    An ``argument`` without a default is given by its place instead of its name.
    ``flag`` is the value that an option without a value gives. ``form`` says in words what ``read`` accepts: ``read`` turns a
    text into the value (raises ``ValueError``), ``write`` gives it back. ``problem`` says why a value of the right type
    can't be, ``None`` where it can. ``path`` parts a text into what stands before a path, the path, and what stands behind.

    Of several marks a later one wins, field by field: ``Annotated[Threads, Option("Threads for the steps.")]`` changes
    the sentence and keeps the rest.
    """

    help: str = ""
    example: str = ""
    metavar: str = ""
    argument: bool = False
    default: str = ""
    words: tuple[str, ...] = ()
    flag: Any = None
    form: str = ""
    read: Callable[[str], Any] | None = None
    write: Callable[[Any], str] | None = None
    problem: Callable[[Any], str | None] | None = None
    path: Callable[[str], tuple[str, str, str]] | None = None

    def under(self, later: Option) -> Option:
        """Return this option with everything that a later mark says; of the two kinds of option, the richer one."""
        said = {f.name: getattr(later, f.name) for f in fields(later) if getattr(later, f.name) != f.default}
        if isinstance(self, type(later)):
            return replace(self, **said)
        return replace(later, **{f.name: getattr(self, f.name) for f in fields(self) if f.name not in said})


def parted(hint: Any) -> tuple[Any, Option | None]:
    """Return a field's type without ``None`` and without its marks as an option, and these as one; ``None`` where it is no option."""
    several = [part for part in typing.get_args(hint) if part is not type(None)]
    if typing.get_origin(hint) is not Annotated:
        return parted(several[0]) if len(several) == 1 and type(None) in typing.get_args(hint) else (hint, None)
    inner, *marks = typing.get_args(hint)
    kept = [mark for mark in marks if not isinstance(mark, Option)]
    options = [mark for mark in marks if isinstance(mark, Option)]
    return Annotated[(inner, *kept)] if kept else inner, reduce(Option.under, options) if options else None


def parted_fields(cls: Any) -> dict[str, tuple[Any, Option | None]]:
    """Return `parted` for each field of a dataclass, by name in the order of the fields."""
    return _parted_fields(cls)


@cache
def _parted_fields(cls: Any) -> dict[str, tuple[Any, Option | None]]:
    hints = typing.get_type_hints(cls, include_extras=True)
    ordered = sorted(dataclasses.fields(cls), key=lambda f: bool(f.kw_only))  # what a request shares with others stands behind its own
    return {f.name: parted(hints[f.name]) for f in ordered}
