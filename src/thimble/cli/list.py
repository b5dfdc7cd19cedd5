"""``thimble list``."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

import click

from thimble.base.registry import METRICS, MODELS, RUNTIMES, STEPS, TASKS, Registry

KINDS = {"steps": STEPS, "runtimes": RUNTIMES, "models": MODELS, "tasks": TASKS, "metrics": METRICS}


@click.command("list")
@click.argument("kind", type=click.Choice([*KINDS, "recipes"]))
def command(kind: str) -> None:
    """List what is registered: steps, runtimes, models, tasks, metrics or recipes, with settings and needs."""
    if kind == "recipes":
        from thimble.catalog.recipes import lab_recipes

        for recipe in lab_recipes(only=[*(r.name for r in lab_recipes()), "traps"]):
            click.echo(f"{recipe.name}\n    {recipe.title}\n    {recipe.text}   [{recipe.runtime}]")
        return
    for name, cls in KINDS[kind].all().items():
        click.echo(f"{_signature(kind, name, cls)}{_absent(cls)}")
        click.echo(f"    {_about(KINDS[kind], name, cls)}")
        if kind == "steps":
            click.echo(f"    {cls.consumes} -> {cls.produces}")
        if kind == "runtimes":
            click.echo(f"    opens {', '.join(cls.formats)}")


def _signature(kind: str, name: str, cls: Any) -> str:
    if kind == "steps":
        settings = (f"{f.name}={f.default!r}" for f in dataclasses.fields(cls))
        return f"{name}({', '.join(settings)})"
    return str(getattr(cls, "form", name))


def _about(registry: Registry, name: str, cls: Any) -> str:
    """The first line of the class's documentation, without its markup."""
    return (cls.__doc__ or registry.module(name).__doc__ or "").strip().splitlines()[0].replace("``", "")


def _absent(cls: Any) -> str:
    """What to install where something that the class needs is missing."""
    missing = [module for module in getattr(cls, "needs", ()) if importlib.util.find_spec(module.partition(".")[0]) is None]
    extra = getattr(cls, "extra", None)
    return f"   (needs: pip install 'thimble[{extra}]')" if missing and extra else ""
