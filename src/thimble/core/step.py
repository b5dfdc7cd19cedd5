"""A step: one technique with its settings; and what it may use while it works."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from thimble.core.errors import MissingExtra
from thimble.core.model import Model
from thimble.core.processor import features
from thimble.core.registry import STEPS, snake_case
from thimble.core.task import Task

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and a few words on what is going on."""


def silent(fraction: float, words: str) -> None:
    """The progress that tells nobody."""


@dataclass(frozen=True)
class Context:
    """What a step may use: data, seed, threads, and folders of its own.

    ``task`` gives the train, calibration and validation splits; a step that asks it for the test split gets
    an error. ``teacher`` is the study's FP32 source model. ``output`` is an empty folder for a step that makes
    files; ``scratch`` outlives an interruption, so that training goes on from its last state. ``trail`` is a folder that trainings
    share which differ in their length only: a longer one goes on from a shorter one's state (``None``: there is none).
    ``open_model`` builds another network for the same task, such as a student, from its specification. ``features`` are the
    instruction sets of the processor that the result is for, which need not be this one.
    """

    task: Task | None
    teacher: Model | None
    output: Path
    scratch: Path
    open_model: Callable[[str], Model]
    seed: int = 0
    threads: int = 1
    features: tuple[str, ...] = field(default_factory=features)
    progress: Progress = silent
    trail: Path | None = None


@runtime_checkable
class Step(Protocol):
    """One technique with its settings. A frozen dataclass; its fields are the settings.

    ``consumes`` and ``produces`` are formats. ``version`` goes up when the same settings start to give another
    result. ``uses`` names what in the context changes the result, among ``train``, ``calibration``,
    ``validation``, ``teacher``, ``seed``, ``threads`` and ``processor``: it is part of the result's address in the store.
    ``effects`` says what it does to a network, among ``train``, ``prune``, ``quantize``, ``store`` and ``export``; a step that
    does nothing to it has none. A step may also have ``networks``: the names of settings that specify another network, whose
    source is then part of the address, too.
    ``helpful`` names what of ``uses`` it can do without.
    ``lengths`` names settings that only say how long it goes on: steps that differ in nothing else share a trail.
    ``agrees_db`` is how well, at least, the outputs of the file that it writes must agree with those of the model before it, in dB;
    who carries steps out looks. A step without it answers for its file itself.
    ``needs`` are the importable modules that `apply` imports, ``extra`` the extra that brings them
    (``None``: they are always there). A step may also have ``choices``: the values of a setting, by its name, where they
    are few.
    """

    consumes: ClassVar[str]
    produces: ClassVar[str]
    version: ClassVar[int]
    effects: ClassVar[tuple[str, ...]]
    uses: ClassVar[tuple[str, ...]]
    needs: ClassVar[tuple[str, ...]]
    extra: ClassVar[str | None]

    def apply(self, model: Model, context: Context) -> Model:
        """A new model; never changes ``model``. Raises `NotApplicable` with the reason where it makes no sense."""
        ...


def step_name(step: Step) -> str:
    """The registered name: the class's, in snake case."""
    return snake_case(type(step).__name__)


def step_fields(step: Step) -> dict[str, Any]:
    """Every setting by name, defaults included."""
    return {f.name: getattr(step, f.name) for f in dataclasses.fields(step)}  # type: ignore[arg-type]


def step_text(step: Step) -> str:
    """As a user would write it: the first setting by position, others by keyword and only where they aren't the default.

    >>> from thimble.steps.compress.prune_channels import PruneChannels
    >>> step_text(PruneChannels(0.5, round_to=16))
    'prune_channels(0.5, round_to=16)'
    """
    parts = []
    for i, f in enumerate(dataclasses.fields(step)):  # type: ignore[arg-type]
        value = getattr(step, f.name)
        if value is None if i == 0 else value == f.default:
            continue
        parts.append(repr(value) if i == 0 else f"{f.name}={value!r}")
    return f"{step_name(step)}({', '.join(parts)})"


def make_step(name: str, fields: dict[str, Any]) -> Step:
    """The step registered under ``name`` with these settings (lists become tuples, as fields are hashable)."""
    cls = STEPS.get(name)
    made: Step = cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()})
    return made


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Turn a failed import inside the block into `MissingExtra`."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or extra, extra) from error
