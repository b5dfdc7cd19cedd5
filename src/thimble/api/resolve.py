"""A model and its data as a user names them, each told what it needs to know of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from thimble.core.errors import BadInput
from thimble.core.task import Arrays, ModelSpec, Task, TaskSpec, one_sample
from thimble.core.values import listed

READING = ("channels", "scale", "rate", "features", "metric")
"""Options that say how data are read, by the names that a request and a task's specification share."""


class Asked(Protocol):
    """What a user says of a model and its data; the fields that such options share."""

    @property
    def model(self) -> str:
        """Specification of the model."""
        ...

    @property
    def weights(self) -> str | None:
        """File of a state dict, or the name of published weights."""
        ...

    @property
    def seed(self) -> int:
        """Seed for splits and training."""
        ...

    @property
    def size(self) -> int | None:
        """Image height and width in pixels."""
        ...

    @property
    def mean(self) -> tuple[float, ...] | None:
        """Mean of each channel, for values from 0 to 1."""
        ...

    @property
    def std(self) -> tuple[float, ...] | None:
        """Standard deviation of each channel."""
        ...

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]] | None:
        """Input shapes by name, the batch first."""
        ...

    @property
    def states(self) -> Mapping[str, str] | None:
        """Outputs that inputs come from at the next step."""
        ...

    @property
    def batch_axes(self) -> Mapping[str, int] | None:
        """Places of the inputs' batches."""
        ...

    @property
    def values(self) -> Mapping[str, float] | None:
        """Numbers that fill inputs which the data don't give."""
        ...


@dataclass(frozen=True)
class Matched:
    """A model's and a task's specification that fit each other, and the task, open."""

    model: ModelSpec
    spec: TaskSpec
    task: Task


def matched(asked: Asked, data: str) -> Matched:
    """The model with the shapes, types and classes of the data, and the data with the model's own preprocessing.

    A network by name without weights gets a head of the data's classes. Raises `BadInput` for data that can't be
    used, and for shapes that contradict it.
    """
    from thimble.data import open_task
    from thimble.models import declared_inputs, preprocess_of, source_name

    model = ModelSpec(asked.model, asked.weights, size=asked.size, seed=asked.seed, shapes=asked.shapes, values=asked.values)
    model = replace(model, states=asked.states, batch_axes=asked.batch_axes)
    spec = TaskSpec(data, asked.size, asked.mean, asked.std, asked.seed, True, preprocess_of(model), takes=declared_inputs(model))
    spec = replace(spec, **{name: getattr(asked, name) for name in READING})
    task = open_task(spec)
    sample = one_sample(task)
    if asked.shapes:
        _check_shapes(asked.shapes, sample, task.name)
    named = asked.shapes is not None and set(asked.shapes) != set(sample)
    shapes = asked.shapes or {name: array.shape for name, array in sample.items()}
    model = replace(model, shapes=shapes, named=named, dtypes={name: str(array.dtype) for name, array in sample.items()})
    if asked.weights is None and source_name(asked.model) in ("torchvision", "timm") and task.labels:
        model = replace(model, classes=len(task.labels))
    return Matched(model, spec, task)


def trainable(task: Task) -> bool:
    """Whether there is a train split to learn from."""
    try:
        return len(task.split("train")) > 0
    except BadInput:
        return False


def _check_shapes(shapes: Mapping[str, tuple[int, ...]], sample: Arrays, task: str) -> None:
    """Raise where a given shape is not that of the samples, by name or by position."""
    found = {name: tuple(array.shape[1:]) for name, array in sample.items()}
    if len(shapes) != len(found):
        raise BadInput(f"--input-shape names {listed(shapes)}; {task} gives {listed(found)}")
    pairs = found if set(shapes) == set(found) else dict(zip(shapes, found.values(), strict=True))
    for name, shape in shapes.items():
        if tuple(shape[1:]) != pairs[name]:
            said, gives = (" x ".join(("N", *map(str, sizes))) for sizes in (shape[1:], pairs[name]))
            raise BadInput(f"--input-shape says {name} is {said}; {task} gives {gives}: leave it out, or say what the data are")
