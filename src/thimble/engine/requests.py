"""What the parent asks of the process that carries out steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from thimble.core.artifact import Artifact
from thimble.core.task import ModelSpec, TaskSpec


@dataclass(frozen=True)
class Request:
    """Open ``model`` (``step`` is ``None``) or apply a step to the stored result ``parent``, and keep it as ``key``.

    Without a ``task`` there are no data. With ``weigh``, the folder of an ``artifact``, the answer is its size, and nothing else
    is done. With ``look_through``, a file of an artifact, it is only looked through for code that opening it would run.
    ``features`` are the instruction sets of the target's processor. ``trail`` names what trainings share that differ in their length.
    """

    store: str
    key: str
    model: ModelSpec
    task: TaskSpec | None
    step: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    parent: str | None = None
    teacher: str | None = None
    seed: int = 0
    threads: int = 1
    features: tuple[str, ...] = ()
    weigh: str | None = None
    artifact: Artifact | None = None
    look_through: tuple[str, str] | None = None
    trail: str | None = None
