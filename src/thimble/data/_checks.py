"""Look at a task before the long work starts, and give its tensors the names and types that a model takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from thimble.core.errors import BadInput
from thimble.core.model import taken as as_taken
from thimble.core.registry import METRICS
from thimble.core.task import SPLITS, Arrays, Batch, Split, Task
from thimble.core.values import TensorSpec, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray


def present_splits(task: Task) -> dict[str, Split]:
    """The splits that the task has, by name."""
    found = {}
    for name in SPLITS:
        try:
            found[name] = task.split(name)
        except BadInput:
            continue
    return found


NEEDED = {"test": "the final figures come from it", "validation": "the candidate is chosen on it"}
"""Splits without which there is no study, and why."""


def check_task(
    task: Task,
    head: int | None = None,
    outputs: Mapping[str, Sequence[int | None]] | None = None,
    needed: Iterable[str] = ("test",),
) -> None:
    """Raise `BadInput`, in one line, for data that a study would trip over: empty or overlapping splits, none of those
    ``needed``, tensors that differ between splits or are not finite, labels that the head of ``head`` outputs can't give,
    and targets of a squared error that have not the shape of the first of ``outputs``.

    Looks at the first batch of every split, at all of those that are arrays in memory, and at all labels that are at hand.
    """
    splits = present_splits(task)
    for name in needed:
        if name not in splits:
            raise BadInput(f"{task.name} has no {name} split; {NEEDED[name]}")
    first: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, split in splits.items():
        if len(split) == 0:
            raise BadInput(f"the {name} split of {task.name} is empty")
        batch = next(iter(split.batches(min(8, len(split)))))
        kinds = _kinds(batch, f"the {name} split of {task.name}")
        if kinds != (first := first or kinds):
            raise BadInput(f"{task.name}: the {name} split gives {_listed(kinds)}, another one {_listed(first)}")
        targets = getattr(split, "targets", None)
        _check_targets(batch.targets if targets is None else targets, task, name, head)
        if task.metric in ("mse", "relative_mse") and outputs and batch.targets is not None:
            _check_shape(batch.targets, next(iter(outputs.values())), f"the {name} split of {task.name}")
        check_finite(task, name)
    classes = len(task.labels) if head is None else 0
    if "test" in splits and len(splits["test"]) < classes:
        raise BadInput(f"{task.name} has {len(splits['test'])} test samples for {classes} classes; that is too few to score")
    check_disjoint(task)


def check_disjoint(task: Task) -> None:
    """Raise `BadInput` if two splits share a sample: its score would be worthless."""
    seen: dict[str, str] = {}
    for name, split in present_splits(task).items():
        ids = set(split.sample_ids())
        common = [digest for digest in ids if digest in seen]
        if common:
            other = seen[common[0]]
            raise BadInput(
                f"{len(common)} samples of the {name} split of {task.name} are also in the {other} split; splits must not overlap"
            )
        seen |= dict.fromkeys(ids, name)


def _kinds(batch: Batch, where: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of one sample by input; raises where the batch is no batch."""
    import numpy as np

    inputs = getattr(batch, "inputs", None)
    if not isinstance(inputs, dict) or not inputs or not all(isinstance(array, np.ndarray) for array in inputs.values()):
        raise BadInput(f"{where} gives a {type(batch).__name__}; batches have inputs, a dictionary of NumPy arrays, and targets")
    if len({array.shape[:1] for array in inputs.values()}) != 1 or any(array.ndim == 0 for array in inputs.values()):
        raise BadInput(f"{where} gives inputs of unequal length: {listed(f'{k} {v.shape}' for k, v in inputs.items())}")
    for name, array in inputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadInput(f"{where} gives NaN or infinity in {name}")
        if array.dtype.kind not in "fiub":
            raise BadInput(f"{where} gives {name} as {array.dtype}; inputs are numbers")
    return {name: (str(array.dtype), array.shape[1:]) for name, array in inputs.items()}


def _listed(kinds: dict[str, tuple[str, tuple[int, ...]]]) -> str:
    return listed(f"{name} {'x'.join(map(str, shape))} {dtype}" for name, (dtype, shape) in kinds.items())


def without_labels(metric: str) -> bool:
    """Return whether a metric compares with the baseline's outputs, so that it needs no labels."""
    return hasattr(METRICS.get(metric), "compare")


def _check_targets(targets: NDArray[Any] | None, task: Task, name: str, head: int | None) -> None:
    import numpy as np

    if targets is None:
        if not without_labels(task.metric):
            raise BadInput(f"the {name} split of {task.name} has no targets, and {task.metric} needs them")
        return
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        raise BadInput(f"the targets of the {name} split of {task.name} hold NaN or infinity")
    classes = head or len(task.labels)
    if task.metric == "accuracy" and classes > 1 and (targets.min() < 0 or targets.max() >= classes):
        outputs = f"the head has {classes} outputs" if head else f"there are {classes} classes"
        raise BadInput(f"labels of the {name} split of {task.name} go from {targets.min()} to {targets.max()}, and {outputs}")


def check_finite(task: Task, split: str) -> None:
    """Raise where a split whose arrays lie in memory holds NaN or infinity anywhere, with the first sample that does."""
    import numpy as np

    for name, array in getattr(task.split(split), "inputs", {}).items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            rows = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
            where = f"the {split} split of {task.name}"
            raise BadInput(f"{where} holds NaN or infinity in {name}, first in sample {rows[0]} ({len(rows)} samples in all)")


def _check_shape(targets: NDArray[Any], output: Sequence[int | None], where: str) -> None:
    """Raise where each sample's targets are not as many numbers as the model answers with."""
    import math

    if None in output[1:]:
        return
    wanted, given = math.prod(size for size in output[1:] if size is not None), math.prod(targets.shape[1:])
    if wanted != given:
        shapes = [" x ".join(["N", *map(str, shape[1:])]) for shape in (targets.shape, output)]
        raise BadInput(
            f"{where} has targets of shape {shapes[0]}, and the model answers with {shapes[1]}: squared errors need equal shapes"
        )


class _Bound:
    """A split whose inputs bear the model's names and types."""

    def __init__(self, split: Split, names: dict[str, TensorSpec]) -> None:
        self._split, self._names = split, names
        self.targets = getattr(split, "targets", None)
        if hasattr(split, "take"):
            self.take = self._take

    def __len__(self) -> int:
        return len(self._split)

    def batches(self, size: int) -> Iterator[Batch]:
        return map(self._renamed, self._split.batches(size))

    def _take(self, indices: Sequence[int] | NDArray[Any]) -> Batch:
        return self._renamed(self._split.take(indices))  # type: ignore[attr-defined]

    def fingerprint(self) -> str:
        return self._split.fingerprint()

    def sample_ids(self) -> tuple[str, ...]:
        return self._split.sample_ids()

    def _renamed(self, batch: Batch) -> Batch:
        inputs: Arrays = {to.name: batch.inputs[name].astype(to.dtype, copy=False) for name, to in self._names.items()}
        return Batch(inputs, batch.targets)


class _BoundTask:
    """A task whose splits are bound to a model's inputs."""

    def __init__(self, task: Task, names: dict[str, TensorSpec]) -> None:
        self._task, self._names = task, names
        self.name, self.metric, self.labels = task.name, task.metric, task.labels
        self.preprocess, self.notes = task.preprocess, task.notes

    def split(self, name: str) -> Split:
        """The split of that name, its inputs as the model takes them."""
        return _Bound(self._task.split(name), self._names)


def fit_to(task: Task, inputs: Sequence[TensorSpec]) -> Task:
    """The task with its inputs named and typed as a model takes them.

    They are matched by name where the names agree, else by position where the counts do. Raises `BadInput` where the
    counts, the shapes or the kinds of number don't fit.
    """
    batch = next(iter(task.split("test").batches(1)))
    given = list(batch.inputs)
    every, inputs = inputs, [one for one in inputs if one.value is None or one.name in given]
    if set(given) == {one.name for one in inputs}:
        names = {one.name: one for one in inputs}
    elif len(given) == len(inputs):
        names = dict(zip(given, inputs, strict=True))
    else:
        raise BadInput(f"the model takes {listed(one.name for one in inputs)}; {task.name} gives {listed(given)}")
    for name, to in names.items():
        _check_fit(as_taken(batch.inputs[name], to, every), to, name, task)
    same = all(name == to.name and str(batch.inputs[name].dtype) == to.dtype for name, to in names.items())
    return task if same else _BoundTask(task, names)


def _check_fit(array: NDArray[Any], to: TensorSpec, name: str, task: Task) -> None:
    wanted = " x ".join("N" if i == 0 else "?" if size is None else str(size) for i, size in enumerate(to.shape))
    if not to.shape and array.ndim == 1:
        return
    sizes = [size for i, size in enumerate(to.shape) if i != to.axis]
    given = [size for i, size in enumerate(array.shape) if i != to.axis]
    fits = len(to.shape) == array.ndim and all(b in (None, a) for a, b in zip(given, sizes, strict=True))
    if not fits:
        found = " x ".join(["N", *map(str, array.shape[1:])])
        hint = "; give --size" if task.preprocess and array.ndim == 4 else ""
        raise BadInput(f"the model takes {to.name} of shape {wanted}; {task.name} gives {name} of shape {found}{hint}")
    if array.dtype.kind == "f" and not to.dtype.startswith(("float", "bfloat")):
        raise BadInput(f"the model takes {to.name} as {to.dtype}; {task.name} gives {name} as {array.dtype}")
