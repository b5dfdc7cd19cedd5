"""A study before it is carried out, and what is told while it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from thimble.core.recipe import Recipe
from thimble.core.sampling import Sampling
from thimble.core.step import Step
from thimble.core.study import Limits
from thimble.core.task import ModelSpec, TaskSpec


@dataclass(frozen=True)
class Event:
    """What the work tells while it goes on: the share done of the whole (0 to 1), and what is running.

    ``finished`` is a line worth keeping on the screen.
    """

    done: float
    what: str
    finished: str = ""


Listen = Callable[[Event], None]


@dataclass(frozen=True)
class Plan:
    """A study before it is carried out. ``prefix`` are the steps that train the source where its weights aren't given.

    ``test_all`` scores every candidate on the test split, once the choice is made, for a study whose table is its
    purpose; else only the baseline and the chosen one are.
    """

    name: str
    model: ModelSpec
    task: TaskSpec
    recipes: tuple[Recipe, ...]
    prefix: tuple[Step, ...] = ()
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    threads: int = 1
    sampling: Sampling = field(default_factory=Sampling)
    test_all: bool = True
    settings: dict[str, Any] = field(default_factory=dict)
