"""What is registered, as values: each thing with its settings, what it needs, and how to get what is missing."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from dataclasses import dataclass
from typing import Any

from thimble.core.distribution import install_command
from thimble.core.errors import UnknownName
from thimble.core.pythons import installed
from thimble.core.registry import METRICS, MODELS, RUNTIMES, STEPS, TASKS, Registry
from thimble.core.task import SPLITS

KINDS: dict[str, Registry] = {"steps": STEPS, "runtimes": RUNTIMES, "models": MODELS, "tasks": TASKS, "metrics": METRICS}
_PYTHON = {"str": "text", "int": "whole number", "float": "number", "bool": "True or False", "NoneType": "None"}


@dataclass(frozen=True)
class Setting:
    """One setting of a step: its type in words, its default, and the values it can have where they are few."""

    name: str
    type: str
    default: Any
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listed:
    """One registered thing, or one named recipe. ``form`` is what users write.

    ``about`` is its documentation, a paragraph each. ``uses`` are the splits (and ``teacher``) that a step learns from,
    ``formats`` what it takes and gives, or what a runtime opens. ``missing`` is the line that installs what is absent.
    """

    kind: str
    name: str
    form: str
    about: tuple[str, ...]
    settings: tuple[Setting, ...] = ()
    uses: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    missing: str | None = None
    runtime: str | None = None
    group: str = ""


@dataclass(frozen=True)
class Listing:
    """What was asked for; ``names`` is every name that a source of models by name knows, where one was asked for."""

    things: tuple[Listed, ...]
    names: tuple[str, ...] = ()


def listing(kind: str, name: str | None = None) -> tuple[Listed, ...]:
    """Everything of a kind (steps, runtimes, models, tasks, metrics, recipes), or the one of that name.

    Imports nothing heavy. Raises `UnknownName` with the known names.
    """
    if kind not in (*KINDS, "recipes"):
        raise UnknownName("list", kind, [*KINDS, "recipes"])
    found = _recipes() if kind == "recipes" else tuple(_listed(kind, key, cls) for key, cls in KINDS[kind].all().items())
    if name is not None and name not in {one.name for one in found}:
        raise UnknownName(kind.removesuffix("s"), name, [one.name for one in found])
    return tuple(one for one in found if name in (None, one.name))


def model_names(source: str) -> list[str]:
    """Every name that a source of models by name knows, as users write it; empty for sources of files.

    Imports the source's library; raises `MissingExtra` where it is absent.
    """
    cls = MODELS.get(source)
    return [f"{source}:{name}" for name in cls().names()] if hasattr(cls, "names") else []


def _listed(kind: str, name: str, cls: Any) -> Listed:
    settings = _settings(cls) if kind == "steps" else ()
    signature = f"{name}({', '.join(f'{one.name}={one.default!r}' for one in settings)})"
    needs = tuple(getattr(cls, "needs", ()))
    return Listed(
        kind=kind,
        name=name,
        form=signature if kind == "steps" else str(getattr(cls, "form", name)),
        about=_about(kind, name, cls, settings),
        settings=settings,
        uses=tuple(used for used in getattr(cls, "uses", ()) if used in (*SPLITS, "teacher")),
        formats=(cls.consumes, cls.produces) if kind == "steps" else tuple(getattr(cls, "formats", ())),
        needs=needs,
        missing=_missing(needs, getattr(cls, "extra", None)),
    )


def _settings(cls: Any) -> tuple[Setting, ...]:
    hints, choices = typing.get_type_hints(cls), getattr(cls, "choices", {})
    return tuple(Setting(f.name, _type(hints[f.name]), f.default, tuple(choices.get(f.name, ()))) for f in dataclasses.fields(cls))


def _type(hint: Any) -> str:
    if typing.get_origin(hint) is tuple:
        return f"tuple of {_type(typing.get_args(hint)[0])}s".replace("texts", "text")
    parts = typing.get_args(hint)
    return " or ".join(map(_type, parts)) if parts else _PYTHON.get(getattr(hint, "__name__", ""), str(hint))


def _about(kind: str, name: str, cls: Any, settings: tuple[Setting, ...]) -> tuple[str, ...]:
    """The title where there is one, then the documentation by paragraphs, without line breaks and markup."""
    documentation = inspect.getdoc(cls) or (KINDS[kind].module(name).__doc__ if name in KINDS[kind].names() else "") or ""
    for setting in settings:
        documentation = documentation.replace(f"``{setting.name}``", f"'{setting.name}'")
    plain = re.sub(r"``?", "", documentation)
    title = [cls.title] if hasattr(cls, "title") else []
    return (*title, *(" ".join(part.split()) for part in plain.split("\n\n") if part.strip()))


def _missing(needs: tuple[str, ...], extra: str | None) -> str | None:
    """How to install what a thing needs and is not there."""
    if all(map(installed, needs)):
        return None
    return install_command(extra)


def _recipes() -> tuple[Listed, ...]:
    from thimble.core.model import TORCH
    from thimble.search.candidates import Situation, prospects
    from thimble.search.named import named_recipes

    situation = Situation(TORCH, 1, installed=lambda module: True)
    tried = {recipe.name for recipe in prospects(situation)}
    found = []
    for name, recipe in named_recipes(situation).items():
        classes = [type(step) for step in recipe.steps]
        uses = tuple(split for split in SPLITS if any(split in getattr(cls, "uses", ()) for cls in classes))
        runtime = RUNTIMES.get(recipe.runtime)
        group = (
            "what fit tries (epochs follow from the number of samples)"
            if name in tried
            else "traps of the lab"
            if name.startswith("trap-")
            else "the lab's own"
        )
        absent = [_missing(tuple(one.needs), one.extra) for one in (runtime, *classes)]
        missing = next((line for line in absent if line), None)
        found.append(Listed("recipes", name, recipe.text, (recipe.title,), uses=uses, missing=missing, runtime=recipe.runtime, group=group))
    return tuple(found)
