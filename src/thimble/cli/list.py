"""``thimble list``."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._say import say

if TYPE_CHECKING:
    from thimble.api.listing import Listed

KINDS = ("steps", "runtimes", "models", "tasks", "metrics", "recipes")
WIDTH = 80


@click.command("list", cls=Command)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name", required=False)
@json_option()
def command(kind: str, name: str | None, as_json: Form | None) -> None:
    """List steps, runtimes, models, tasks, metrics or recipes.

    Each entry is listed with its settings and requirements. With NAME, one entry is described in full; torchvision and
    timm print the name of every model, one a line.

    \b
    thimble list steps
    thimble list steps prune_channels
    thimble list models torchvision | grep mobilenet
    thimble list recipes --json
    """
    from thimble.api.listing import Listing, listing, model_names

    found = listing(kind, name)
    names = model_names(name) if kind == "models" and name and not found[0].missing else []
    if as_json:
        say_answer("list", Listing(found, tuple(names)))
    elif names:
        say(*names)
    else:
        say(*(line for one in _grouped(found) for line in one))


def _grouped(found: tuple[Listed, ...]) -> list[list[str]]:
    """The lines of each, a blank one before a heading, and between things that take more than a few lines."""
    parts: list[list[str]] = []
    group = ""
    for one in found:
        if one.group != group:
            parts.append([*([""] if parts else []), f"{one.group[:1].upper()}{one.group[1:]}:"])
            group = one.group
        parts.append([*([""] if parts and one.kind == "steps" else []), *lines_of(one, alone=len(found) == 1)])
    return parts


def lines_of(one: Listed, alone: bool) -> list[str]:
    """One thing in at most 80 columns: what to write, what it is, its settings, what it needs."""
    lines = [one.name] if one.kind == "recipes" else _wrapped(one.form, 0, hanging=4)
    for paragraph in one.about if alone else one.about[:1]:
        lines += _wrapped(paragraph)
    if one.kind == "recipes":
        lines += _wrapped(one.form, hanging=4)
    lines += _settings(one)
    if one.kind == "steps":
        lines += _wrapped(f"takes {one.formats[0]}, gives {one.formats[1]}" + _used(one))
    elif one.kind == "runtimes":
        lines += _wrapped(f"opens {', '.join(one.formats)}")
    elif one.kind == "recipes":
        lines += _wrapped(f"runs in {one.runtime}{_used(one)}")
    if one.kind == "models" and one.name in ("torchvision", "timm"):
        lines += _wrapped(f"names: thimble list models {one.name}")
    if one.missing:
        lines += _wrapped(f"not installed: {one.missing}")
    return lines


def _used(one: Listed) -> str:
    """The data that it learns from."""
    splits = [name for name in one.uses if name != "teacher"]
    teacher = ", and the model as given as a teacher" if "teacher" in one.uses else ""
    return f"; learns from the {' and '.join(splits)} split{'s' if len(splits) > 1 else ''}{teacher}" if splits else ""


def _settings(one: Listed) -> list[str]:
    lines = []
    longest = max((len(setting.name) for setting in one.settings), default=0)
    for setting in one.settings:
        what = " | ".join(setting.choices) or setting.type
        lines += _wrapped(f"{setting.name:<{longest}}  {what}  [{setting.default!r}]", 6, hanging=longest + 2)
    return lines


def _wrapped(text: str, indent: int = 4, hanging: int = 0) -> list[str]:
    """The text in lines of at most 80 columns."""
    first, rest = " " * indent, " " * (indent + hanging)
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False, drop_whitespace=True
    )
