"""A Hugging Face data set on disk: ``hf:DIR``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput, MissingExtra
from thimble.core.paths import user_path
from thimble.core.preprocess import Preprocess
from thimble.core.task import Task, TaskSpec
from thimble.core.values import listed
from thimble.data._arrays import Raw, arrays_task, checked_array
from thimble.data._foreign import decoding
from thimble.data._preprocess import preprocess_for
from thimble.data._rules import check_counts, divide
from thimble.data._split import ImageSplit, SplitTask

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation", "test": "test"}
LABELS = ("label", "labels", "target", "class", "y")
"""Names of the column that holds the labels, where none is a ``ClassLabel``."""


class Hf:
    """``hf:DIR``: what ``save_to_disk`` of Hugging Face's datasets wrote, one data set or several splits.

    A column of images is the input, read as in an image folder; else all columns of numbers are inputs, by their names. A
    ``ClassLabel`` column, or one called label, holds the labels. Columns of text are left out and named: tokens must be columns
    of numbers already.
    """

    title: ClassVar[str] = "a Hugging Face data set on disk"
    form: ClassVar[str] = "hf:DIR"
    needs: ClassVar[tuple[str, ...]] = ("datasets",)
    extra: ClassVar[str | None] = "hf"

    def open(self, spec: TaskSpec) -> Task:
        """The task. Raises `MissingExtra` without datasets, `BadInput` for a folder that can't be used."""
        folder = user_path(spec.argument)
        parts = _parts(folder)
        first = next(iter(parts.values()))
        label = _label_of(first)
        images = [name for name, kind in first.features.items() if type(kind).__name__ == "Image"]
        if images:
            return _images(parts, images[0], label, spec, folder)
        return _numbers(parts, label, spec, folder)


def _parts(folder: Path) -> dict[str, Any]:
    """The data sets by part, a single one under an empty name."""
    if not folder.is_dir():
        raise BadInput(f"there is no folder {str(folder)!r}; write hf:DIR with a folder that save_to_disk wrote")
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise MissingExtra("datasets", "hf") from error
    with decoding(folder, "can't be read as a data set on disk: {}"):
        loaded = datasets.load_from_disk(str(folder))
    if not isinstance(loaded, dict):
        return {"": loaded}
    parts = {PARTS[name]: part for name, part in loaded.items() if name in PARTS}
    if "train" not in parts or len(parts) < 2:
        raise BadInput(f"{folder} has the splits {listed(loaded)}; it needs train, and validation or test")
    return {name: parts[name] for name in ("train", "validation", "test") if name in parts}


def _label_of(data: Any) -> str | None:
    named = [name for name, kind in data.features.items() if type(kind).__name__ == "ClassLabel"]
    return named[0] if named else next((name for name in LABELS if name in data.features), None)


def _images(parts: dict[str, Any], image: str, label: str | None, spec: TaskSpec, folder: Path) -> Task:
    import numpy as np

    if label is None:
        raise BadInput(f"{folder} has images and no labels: a column of class labels is needed")
    targets = np.concatenate([np.asarray(part[label], np.int64) for part in parts.values()])
    names = getattr(next(iter(parts.values())).features[label], "names", None)
    labels = tuple(names or map(str, range(int(targets.max()) + 1)))
    if spec.classes_of_head not in (None, len(labels)):
        raise BadInput(f"the model's head has {spec.classes_of_head} outputs, {folder} has {len(labels)} classes: the two must agree")
    reader = _Images([part.select_columns([image]) for part in parts.values()], image)
    ids = [reader.digest(i) for i in range(len(reader))]
    division = divide({name: len(part) for name, part in parts.items()}, targets, ids, spec)
    check_counts(division.rows, labels, str(folder))
    preprocess = preprocess_for(spec, Preprocess(224, 224))
    splits = {
        name: ImageSplit(lambda i, rows=rows: reader(int(rows[i])), targets[rows], [ids[i] for i in rows], preprocess)  # type: ignore[misc]
        for name, rows in division.rows.items()
    }
    return SplitTask(f"hf:{folder.resolve().name}", "accuracy", labels, splits, preprocess, tuple(division.notes))


class _Images:
    """Images of several data sets, one after the other, decoded when they are asked for."""

    def __init__(self, parts: Sequence[Any], column: str) -> None:
        self._parts, self._column = parts, column

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __call__(self, row: int) -> Any:
        for part in self._parts:
            if row < len(part):
                return part[row][self._column]
            row -= len(part)
        raise IndexError(row)

    def digest(self, row: int) -> str:
        """A digest of the decoded pixels."""
        import hashlib

        return hashlib.sha256(self(row).tobytes()).hexdigest()[:24]


def _numbers(parts: dict[str, Any], label: str | None, spec: TaskSpec, folder: Path) -> Task:
    """Columns of numbers as arrays; those of other kinds are left out and named."""
    first = next(iter(parts.values()))
    raw: Raw = {}
    left = []
    for name in first.column_names:
        place = ("y", "input") if name == label else ("x", name)
        for part, data in parts.items():
            array = _array(data, name)
            if array is None:
                left.append(name)
                break
            raw[place[0], part, place[1]] = checked_array(array, name, folder)
    if not any(kind == "x" for kind, _, _ in raw):
        raise BadInput(f"{folder} has no column of numbers of one shape; it has {listed(first.column_names)}")
    names = getattr(first.features[label], "names", None) if label else None
    import numpy as np

    extras = {"labels": np.asarray(names), "metric": "accuracy"} if names else {}
    notes = (f"left out columns that are no numbers of one shape: {listed(left)}",) if left else ()
    return arrays_task(raw, extras, spec, folder, notes)


def _array(data: Any, name: str) -> NDArray[Any] | None:
    """A column as one array, ``None`` where it holds text or rows of different shapes."""
    import numpy as np

    try:
        array = np.asarray(data.with_format("numpy", columns=[name])[:][name])
    except (ValueError, TypeError):
        return None
    return array if array.dtype.kind in "fiub" else None
