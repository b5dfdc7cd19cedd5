"""Arrays in one file: ``npz:FILE``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.core.registry import METRICS
from thimble.core.task import Task, TaskSpec
from thimble.core.values import listed
from thimble.data._labels import understood
from thimble.data._rules import check_counts, divide
from thimble.data._split import ArraySplit, SplitTask, array_ids
from thimble.fetch.archive import check_archive
from thimble.fetch.user_file import foreign

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEY = re.compile(r"(?P<kind>x|y)(_(?P<part>train|val|validation|test))?(_(?P<name>\w+))?")
_PARTS = {None: "", "train": "train", "val": "validation", "validation": "validation", "test": "test"}


class Npz:
    """``npz:FILE``: ``x`` and ``y``, or ``x_train``, ``x_val``, ``x_test`` with their ``y_...``, as ``numpy.savez`` writes them.

    Several inputs are ``x_NAME``, or ``x_train_NAME`` and so on; a single one is called ``input``. `understood` says what ``y`` means;
    without it outputs are compared with the baseline's. ``metric`` names another one, ``labels`` the classes. The file is read
    into memory; float arrays become ``float32``, integers keep their type.
    """

    title: ClassVar[str] = "arrays in one NumPy archive"
    form: ClassVar[str] = "npz:FILE"
    needs: ClassVar[tuple[str, ...]] = ("numpy",)
    extra: ClassVar[str | None] = None

    def open(self, spec: TaskSpec) -> Task:
        """The task. Raises `BadInput` for arrays that are damaged, of unequal length, not finite, or labels out of range."""
        import numpy as np

        path = user_path(spec.argument)
        raw, extras = _read(path, spec.argument)
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
        return SplitTask(f"npz:{path.name}", metric, labels, splits, None, (*remarks, *division.notes))


_Raw = dict[tuple[str, str, str], Any]
"""Arrays by kind (``x`` or ``y``), part's name (empty for a whole) and input's name."""


def _read(path: Path, argument: str) -> tuple[_Raw, dict[str, Any]]:
    """The arrays, checked one by one, and ``labels`` and ``metric`` where they are there."""
    import numpy as np

    if not path.is_file():
        raise BadInput(f"there is no file {argument!r}; write npz:FILE with an archive as numpy.savez writes it")
    if not check_archive(path):
        raise BadInput(f"{path} is no .npz archive, or it is truncated")
    found: dict[str, Any] = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            for key in archive.files:
                if key in ("labels", "metric") or _KEY.fullmatch(key):
                    _check_member(archive, key, path)
                    found[key] = archive[key]
    except BadInput:
        raise
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        why = "it holds Python objects, which are not loaded" if "allow_pickle" in str(error) else foreign(error)
        raise BadInput(f"{path} can't be read: {why}") from error
    raw: _Raw = {}
    for key, array in found.items():
        if not isinstance(array, np.ndarray):
            raise BadInput(f"{path}: {key} is no array; its member in the archive has no header of one")
        match = _KEY.fullmatch(key)
        if match:
            raw[match["kind"], _PARTS[match["part"]], match["name"] or "input"] = _checked(array, key, path)
    if not any(kind == "x" for kind, _, _ in raw):
        raise BadInput(f"{path} has no x, x_train or x_NAME; it has {listed(found) or 'no arrays that are known here'}")
    return raw, {key: found[key] for key in ("labels", "metric") if key in found}


def _check_member(archive: Any, key: str, path: Path) -> None:
    """Raise `BadInput` for a member whose header tells of more numbers than it holds: room for them is made before they are read."""
    from math import prod

    from numpy.lib import format as npy

    member = next((one for one in archive.zip.infolist() if one.filename == f"{key}.npy"), None)
    if member is None:
        return
    with archive.zip.open(member) as file:
        try:
            version = npy.read_magic(file)
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
            shape, _, dtype = read(file) if read else ((), False, None)
        except ValueError:  # no header at all: told where the array is missed
            return
        held = member.file_size - file.tell()
    if dtype is not None and not dtype.hasobject and prod(shape) * dtype.itemsize > held:
        raise BadInput(
            f"{path}: {key} says that its shape is {shape}, and the file holds {held:,} bytes for it; it is truncated or damaged"
        )


def _checked(array: NDArray[Any], key: str, path: Path) -> NDArray[Any]:
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


def _sizes(raw: _Raw, path: Path) -> dict[str, int]:
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


def _joined(raw: _Raw, kind: str, name: str, path: Path) -> NDArray[Any]:
    """One array of all parts, in the order whole, train, validation, test."""
    import numpy as np

    order = [raw[kind, part, name] for part in ("", "train", "validation", "test") if (kind, part, name) in raw]
    if len({(array.shape[1:], array.dtype.kind) for array in order}) > 1:
        shapes = listed(str((array.shape, str(array.dtype))) for array in order)
        raise BadInput(f"{path}: the parts of {kind} {name} differ in shape or type: {shapes}")
    return order[0] if len(order) == 1 else np.concatenate(order)


def _targets(raw: _Raw, path: Path) -> NDArray[Any] | None:
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
