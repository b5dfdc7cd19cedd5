"""Arrays become a task: their parts joined, their labels understood, their splits made; whatever file they come from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.errors import BadInput
from thimble.core.registry import METRICS
from thimble.core.task import Task, TaskSpec
from thimble.core.values import listed
from thimble.data._labels import understood
from thimble.data._rules import check_counts, divide
from thimble.data._split import ArraySplit, SplitTask, array_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY = re.compile(r"(?P<kind>x|y)(_(?P<part>train|val|validation|test))?(_(?P<name>\w+))?")
"""Names of arrays: samples or labels, of which part, of which input."""
_PARTS = {None: "", "train": "train", "val": "validation", "validation": "validation", "test": "test"}

Raw = dict[tuple[str, str, str], Any]
"""Arrays by kind (``x`` or ``y``), part's name (empty for a whole) and input's name."""


def place_of(key: str) -> tuple[str, str, str] | None:
    """Where an array of this name belongs; ``None`` for names that mean nothing here.

    >>> place_of("x_train_tokens"), place_of("y"), place_of("labels")
    (('x', 'train', 'tokens'), ('y', '', 'input'), None)
    """
    match = KEY.fullmatch(key)
    return (match["kind"], _PARTS[match["part"]], match["name"] or "input") if match else None


def arrays_task(raw: Raw, extras: dict[str, Any], spec: TaskSpec, path: Path, notes: tuple[str, ...] = ()) -> Task:
    """The task of arrays that `checked_array` let pass; ``extras`` may hold ``labels`` and ``metric``.

    Raises `BadInput` for arrays of unequal length, parts that are missing, and labels out of range.
    """
    import numpy as np

    inputs = {name: _joined(raw, "x", name, path) for name in dict.fromkeys(name for kind, _, name in raw if kind == "x")}
    targets, wish = _targets(raw, path), str(extras["metric"]) if "metric" in extras else None
    remarks: tuple[str, ...] = ()
    if targets is not None:
        targets, wish, remarks = understood(targets, wish)
    sizes = _sizes(raw, path)
    metric, labels = _meaning(targets, wish, extras, spec, path)
    ids = array_ids(inputs)
    strata = targets if targets is not None and metric == "accuracy" else np.zeros(len(ids))
    division = divide(sizes, strata, ids, spec)
    check_counts(division.rows, labels if spec.classes_of_head is None else (), str(path))
    splits = {
        name: ArraySplit(
            {key: array[rows] for key, array in inputs.items()},
            None if targets is None else targets[rows],
            [ids[row] for row in rows],
        )
        for name, rows in division.rows.items()
    }
    return SplitTask(f"{spec.source}:{path.name}", metric, labels, splits, None, (*notes, *remarks, *division.notes))


def checked_array(array: NDArray[Any], key: str, path: Path) -> NDArray[Any]:
    """The array in the machine's byte order, floats as ``float32``; raises `BadInput` for text, no samples, NaN and infinity."""
    import numpy as np

    if array.dtype.kind not in "fiub" or array.ndim == 0 or not len(array):
        raise BadInput(f"{path}: {key} has type {array.dtype} and shape {array.shape}; it must be numbers, the samples first")
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
        bad = ~np.isfinite(array)
        if bad.any():
            raise BadInput(
                f"{path}: {key} holds NaN or infinity, first in sample {int(np.argwhere(bad)[0][0])} ({bad.sum()} values in all)"
            )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _sizes(raw: Raw, path: Path) -> dict[str, int]:
    """Samples in each part; raises where arrays of one part differ in length, or wholes and parts are mixed."""
    sizes: dict[str, int] = {}
    for (_, part, _), array in raw.items():
        if sizes.setdefault(part, len(array)) != len(array):
            where = f" of the {part} part" if part else ""
            raise BadInput(f"{path}: arrays{where} differ in length: {len(array)} and {sizes[part]} samples")
    names = {part: {name for kind, p, name in raw if kind == "x" and p == part} for part in sizes}
    labelled = {part: any(kind == "y" and p == part for kind, p, _ in raw) for part in sizes}
    if "" in sizes and len(sizes) > 1:
        raise BadInput(f"{path} has both x and x_train; it must be one whole, or divided into parts")
    if "" not in sizes and "train" not in sizes:
        raise BadInput(f"{path} has {listed(sizes)} and no train: calibration needs x_train")
    if len({frozenset(found) for found in names.values()}) > 1 or len(set(labelled.values())) > 1:
        raise BadInput(f"{path}: every part needs the same inputs and all or none y: {_told(names, labelled)}")
    return {part: sizes[part] for part in ("", "train", "validation", "test") if part in sizes}


def _told(names: dict[str, set[str]], labelled: dict[str, bool]) -> str:
    return "; ".join(f"{part} has {', '.join(sorted(found))}{' and y' if labelled[part] else ''}" for part, found in names.items())


def _joined(raw: Raw, kind: str, name: str, path: Path) -> NDArray[Any]:
    """One array of all parts, in the order whole, train, validation, test."""
    import numpy as np

    order = [raw[kind, part, name] for part in ("", "train", "validation", "test") if (kind, part, name) in raw]
    if len({(array.shape[1:], array.dtype.kind) for array in order}) > 1:
        shapes = listed(str((array.shape, str(array.dtype))) for array in order)
        raise BadInput(f"{path}: the parts of {kind} {name} differ in shape or type: {shapes}")
    return order[0] if len(order) == 1 else np.concatenate(order)


def _targets(raw: Raw, path: Path) -> NDArray[Any] | None:
    names = {name for kind, _, name in raw if kind == "y"}
    if not names:
        return None
    if names != {"input"}:
        raise BadInput(f"{path} has more than one y: {listed(sorted(names))}; a task has one")
    return _joined(raw, "y", "input", path)


def _meaning(
    targets: NDArray[Any] | None, metric: str | None, extras: dict[str, Any], spec: TaskSpec, path: Path
) -> tuple[str, tuple[str, ...]]:
    """The metric and the class names, with the labels checked against them."""
    if targets is None or metric is None:
        return metric or "agreement", ()
    if not getattr(METRICS.get(metric), "classes", False):
        return metric, ()
    if targets.ndim == 2 and metric == "f1":
        return metric, tuple(map(str, extras["labels"].ravel())) if "labels" in extras else tuple(map(str, range(targets.shape[1])))
    if targets.dtype.kind == "f":
        raise BadInput(f"{path}: y is {targets.dtype}; {metric} needs integers, one class for each")
    scored = targets[targets != 255] if targets.ndim > 1 else targets
    low, high = (int(scored.min()), int(scored.max())) if scored.size else (0, 0)
    if "labels" not in extras and spec.classes_of_head is None and high >= len(targets):
        raise BadInput(f"{path}: y holds the class {high}, and there are only {len(targets)} samples; classes count from 0 without gaps")
    labels = tuple(map(str, extras["labels"].ravel())) if "labels" in extras else tuple(map(str, range(spec.classes_of_head or high + 1)))
    if low < 0 or high >= len(labels):
        outputs = "the model's head has" if spec.classes_of_head else "there are"
        raise BadInput(f"{path}: y goes from {low} to {high}, and {outputs} {len(labels)} classes: 0 to {len(labels) - 1}")
    if spec.classes_of_head is not None and len(labels) > spec.classes_of_head:
        raise BadInput(f"the model's head has {spec.classes_of_head} outputs, {path} {len(labels)} classes: the two must agree")
    if low == high:
        raise BadInput(f"{path}: every y is {low}; there must be two classes or more")
    return metric, labels


def check_header(file: Any, size: int, name: str, path: Path) -> None:
    """Raise `BadInput` for an array whose header tells of more numbers than its ``size`` in bytes holds.

    Room for them is made before they are read. A file without a header is left to what reads it.
    """
    from math import prod

    from numpy.lib import format as npy

    try:
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(npy.read_magic(file))
        shape, _, dtype = read(file) if read else ((), False, None)
    except ValueError:
        return
    held = size - file.tell()
    if dtype is not None and not dtype.hasobject and prod(shape) * dtype.itemsize > held:
        raise BadInput(f"{path}: {name} says that its shape is {shape}, and the file holds {held:,} bytes for it; it is damaged")
