"""A model and its data as a user names them, each told what it needs to know of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from thimble.api.request import Apply, CompareRuntimes, Fit, Reading
from thimble.core.artifact import Artifact
from thimble.core.errors import BadInput
from thimble.core.study import Study
from thimble.core.task import Arrays, ModelSpec, Task, TaskSpec, one_sample
from thimble.core.values import listed

READING = {f.name for f in fields(Reading)} & {f.name for f in fields(TaskSpec)}
"""Options that say how data are read, by the names that a request and a task's specification share."""
FEEDING = {f.name for f in fields(Reading)} & {f.name for f in fields(ModelSpec)}
"""Options that say how a model is fed, by the names that a request and a model's specification share."""


def task_spec(asked: Reading, data: str, **more: Any) -> TaskSpec:
    """The specification of data that are read as a request asks; ``more`` are its other fields."""
    return TaskSpec(data, **{name: getattr(asked, name) for name in READING}, **more)


def model_spec(asked: Reading, model: str, **more: Any) -> ModelSpec:
    """The specification of a model that is fed as a request asks; ``more`` are its other fields."""
    return ModelSpec(model, **{name: getattr(asked, name) for name in FEEDING}, **more)


def told_by(folder: Path, artifact: Artifact) -> dict[str, Any]:
    """Return what an artifact that was looked through tells of its inputs and outputs, as fields of a task's specification."""
    from thimble.models import declared_outputs

    gives = declared_outputs(ModelSpec(str(folder / artifact.main))) if artifact.format == "onnx" else {}
    return {"takes": artifact.inputs, "gives": gives}


@dataclass(frozen=True)
class Matched:
    """A model's and a task's specification that fit each other, and the task, open."""

    model: ModelSpec
    spec: TaskSpec
    task: Task


def matched(asked: Fit | Apply | CompareRuntimes, data: str) -> Matched:
    """The model with the shapes, types and classes of the data, and the data with the model's own preprocessing.

    A network by name without weights gets a head of the data's classes. Raises `BadInput` for data that can't be
    used, and for shapes that contradict it.
    """
    from thimble.data import open_task
    from thimble.models import declared_inputs, declared_outputs, preprocess_of, source_name

    model = model_spec(asked, asked.model, weights=asked.weights, seed=asked.seed)
    own = {"preprocess": preprocess_of(model), "takes": declared_inputs(model), "gives": declared_outputs(model)}
    spec = task_spec(asked, data, seed=asked.seed, weights_given=True, **own)
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


def reopened(study: Study, split: str, data: str | None = None, reading: Reading | None = None) -> Task | None:
    """A study's data, opened again; ``None`` where their ``split`` holds other samples now. ``data`` says where they are meanwhile.

    Raises `BadInput` where they can't be opened.
    """
    from thimble.data import open_task

    info, known = study.task, study.task.splits[split]
    own = {"seed": study.seed, "preprocess": info.preprocess, "classes_of_head": len(info.labels) or None}
    refused: BadInput | None = None
    for given in (True, False):  # whether weights were given decides how data of one part are split
        try:
            task = open_task(task_spec(reading or Reading(), data or info.spec, weights_given=given, **own))
            if task.split(split).fingerprint() == (known.whole or known.fingerprint):
                return task
        except BadInput as error:
            refused = error
    if refused is not None:
        raise refused
    return None


def trainable(task: Task) -> bool:
    """Return whether there is a train split to learn from."""
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
            raise BadInput(f"--input-shape says {name} is {said}; {task} gives {gives}: leave --input-shape out, or correct it")
