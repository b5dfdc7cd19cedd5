"""Every way from a model to what a runtime opens, in every precision that a registered step writes: read off the registries."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thimble.core.distribution import extra_of, install_command
from thimble.core.recipe import Recipe
from thimble.core.registry import RUNTIMES, STEPS, runs_here
from thimble.core.step import Step, step_name
from thimble.core.values import listed

SMALLER = ("quantize", "store")
"""Effects of the steps that write another precision."""
EXPORT = ("export",)


@dataclass(frozen=True)
class Route:
    """A recipe that ends in what its runtime opens. ``missing`` is the reason why it can't be tried here; empty where it can."""

    recipe: Recipe
    missing: str = ""


def routes(
    format: str,
    own: str,
    installed: Callable[[str], bool],
    runtimes: Sequence[str] = (),
    splits: Sequence[str] = (),
) -> tuple[Route, ...]:
    """Return the source in its ``own`` runtime, then every runtime in every precision.

    ``format`` is the source's, ``runtimes`` are those to try (none: all), ``splits`` the data that steps can learn from. A runtime's
    own format comes first; another format only where its steps do what none for the own format does, as quantized PyTorch, which
    only TorchScript holds. Steps have their default settings; exporters every value of their choices. What a runtime could do and
    a library or data are absent for is among the routes, with what is missing.
    """
    found = [Route(Recipe("source", (), own, (), "the model as given"))]
    for name, cls in RUNTIMES.all().items():
        if runtimes and name not in runtimes:
            continue
        for steps in _chains(format, tuple(cls.formats)):
            if not steps and name == own:
                continue
            recipe = Recipe(_name(name, steps), steps, name, (), _title(steps))
            found.append(Route(recipe, _not_here(cls) or missing(recipe, installed, splits)))
    return tuple(_named_apart(found))


def _not_here(runtime: Any) -> str:
    """Return why a runtime can't run on this operating system; empty where it can."""
    if runs_here(runtime):
        return ""
    return f"{runtime.title} runs on {listed(runtime.systems)}, and this is {platform.system()}"


def reaches(format: str, wanted: str) -> tuple[Any, ...] | None:
    """Return the fewest exporters' classes that lead from one format to another; ``None`` where none do.

    >>> [cls.__name__ for cls in reaches("torch", "ncnn")]
    ['ToOnnx', 'ToNcnn']
    """
    exporters = [cls for cls in STEPS.all().values() if cls.effects == EXPORT]
    ways: dict[str, tuple[Any, ...]] = {format: ()}
    waiting = [format]
    while waiting and wanted not in ways:
        here = waiting.pop(0)
        for cls in exporters:
            if cls.consumes == here and cls.produces not in ways:
                ways[cls.produces] = (*ways[here], cls)
                waiting.append(cls.produces)
    return ways.get(wanted)


def _chains(format: str, formats: tuple[str, ...]) -> Iterator[tuple[Step, ...]]:
    """Yield the steps of each route to one of a runtime's formats, the first of which is its own."""
    done: set[str] = set()
    for wanted in formats:
        here = list(_to(format, wanted))
        yield from (steps for steps in here if _effect(steps) not in done)
        done |= {_effect(steps) for steps in here}


def _to(format: str, wanted: str) -> Iterator[tuple[Step, ...]]:
    """Yield the plain exports to a format, then each step that writes it in another precision."""
    way = reaches(format, wanted)
    if way is not None:
        before = tuple(cls() for cls in way[:-1])
        yield from ((*before, last) for last in _variants(way[-1])) if way else [()]
    for cls in STEPS.all().values():
        if cls.produces != wanted or len(cls.effects) != 1 or cls.effects[0] not in SMALLER or not _has_defaults(cls):
            continue
        if (before_it := reaches(format, cls.consumes)) is not None:
            yield (*(one() for one in before_it), cls())


def _variants(cls: Any) -> Iterator[Step]:
    """Yield an exporter with its defaults, then with each other value of a choice."""
    yield cls()
    choices: Mapping[str, tuple[Any, ...]] = getattr(cls, "choices", {})
    for setting, values in choices.items():
        yield from (cls(**{setting: value}) for value in values if value != getattr(cls(), setting))


def _has_defaults(cls: Any) -> bool:
    fields = dataclasses.fields(cls)
    return all(f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING for f in fields)


def _effect(steps: tuple[Step, ...]) -> str:
    return steps[-1].effects[0] if steps else EXPORT[0]


def _name(runtime: str, steps: tuple[Step, ...]) -> str:
    """``onnxruntime``, ``openvino-float16``, ``onnxruntime-quantize-static``."""
    if not steps:
        return runtime
    last = steps[-1]
    if last.effects == EXPORT:
        chosen = (getattr(last, name) for name in getattr(last, "choices", {}) if getattr(last, name) != getattr(_default(last), name))
        return "-".join((runtime, *map(str, chosen)))
    short = step_name(last)
    for known in (last.consumes, last.produces, runtime):
        short = short.removeprefix(f"{known}_")
    return f"{runtime}-{short.replace('_', '-')}"


def _default(step: Step) -> Any:
    """Return a step with its default settings."""
    cls: Any = type(step)
    return cls()


def _title(steps: tuple[Step, ...]) -> str:
    return "as exported" if steps and _effect(steps) == EXPORT[0] else step_name(steps[-1]) if steps else "the file as given"


def missing(recipe: Recipe, installed: Callable[[str], bool], splits: Sequence[str]) -> str:
    """Return what a recipe lacks: the command that installs it, or data; empty where nothing is missing."""
    for part in (RUNTIMES.get(recipe.runtime), *recipe.steps):
        absent = next((module for module in part.needs if not installed(module.partition(".")[0])), None)
        if absent is not None:
            return f"{absent} is not installed; install it with: {install_command(part.extra or extra_of(absent))}"
    for step in recipe.steps:
        needed = [split for split in step.uses if split in ("train", "calibration", "validation")]
        for split in needed:
            if split not in splits and split not in getattr(step, "helpful", ()):
                return f"{step_name(step)} needs {split} data: give them with --data"
    return ""


def _named_apart(found: Sequence[Route]) -> Iterator[Route]:
    """Yield the routes with a number behind a name that another one has."""
    taken: dict[str, int] = {}
    for route in found:
        name = route.recipe.name
        taken[name] = taken.get(name, 0) + 1
        yield (
            route
            if taken[name] == 1
            else dataclasses.replace(route, recipe=dataclasses.replace(route.recipe, name=f"{name}-{taken[name]}"))
        )
