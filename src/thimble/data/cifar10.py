"""CIFAR-10 in its binary version: ``cifar10:DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.core.preprocess import Preprocess
from thimble.core.task import Task, TaskSpec
from thimble.data._preprocess import preprocess_for
from thimble.data._rules import check_counts, divide
from thimble.data._split import ImageSplit, SplitTask

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = "cifar-10-batches-bin"
RECORD = 1 + 3 * 32 * 32
"""Bytes of one image: its class, then 32 x 32 values of red, of green and of blue."""
LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Cifar10:
    """``cifar10:DIR``: ``data_batch_1.bin`` to ``_5`` and ``test_batch.bin`` (Krizhevsky 2009), or the folder above them.

    Train is the batches that are there; validation is divided off by the rules for data without one. The images are
    taken at 32 x 32 pixels unless another size is asked for.
    """

    title: ClassVar[str] = "CIFAR-10, binary version"
    form: ClassVar[str] = "cifar10:DIR"
    needs: ClassVar[tuple[str, ...]] = ("numpy", "PIL")
    extra: ClassVar[str | None] = None

    def open(self, spec: TaskSpec) -> Task:
        """The task, scored by accuracy. Raises `BadInput` for files of another size or labels above nine."""
        import hashlib

        import numpy as np

        folder = _folder(spec.argument)
        records = {name: _records(paths) for name, paths in _paths(folder).items()}
        everything = [record for part in records.values() for record in part]
        targets = np.asarray([record[0] for record in everything], dtype=np.int64)
        ids = [hashlib.sha256(record[1:].tobytes()).hexdigest()[:24] for record in everything]
        division = divide({name: len(part) for name, part in records.items()}, targets, ids, spec)
        check_counts(division.rows, LABELS, str(folder))
        if spec.classes_of_head not in (None, len(LABELS)):
            raise BadInput(f"the model's head has {spec.classes_of_head} outputs, CIFAR-10 has {len(LABELS)} classes: the two must agree")
        preprocess = preprocess_for(spec, Preprocess(32, 32))
        splits = {
            name: ImageSplit(_Reader(everything, rows), targets[rows], [ids[row] for row in rows], preprocess)
            for name, rows in division.rows.items()
        }
        return SplitTask("cifar10", "accuracy", LABELS, splits, preprocess, tuple(division.notes))


class _Reader:
    """The image at a position of a split, from its record."""

    def __init__(self, records: list[NDArray[Any]], rows: NDArray[Any]) -> None:
        self._records, self._rows = records, rows

    def __call__(self, position: int) -> Any:
        from PIL import Image

        return Image.fromarray(self._records[self._rows[position]][1:].reshape(3, 32, 32).transpose(1, 2, 0))


def _folder(argument: str) -> Path:
    folder = user_path(argument)
    if argument and (folder / FOLDER).is_dir():
        return folder / FOLDER
    if not argument or not folder.is_dir():
        raise BadInput(f"there is no folder {argument!r}; write cifar10:DIR with the folder of the binary version's .bin files")
    return folder


def _paths(folder: Path) -> dict[str, list[Path]]:
    train = sorted(folder.glob("data_batch_*.bin"))
    test = [folder / "test_batch.bin"]
    missing = [name for name, paths in (("data_batch_1.bin", train), ("test_batch.bin", test)) if not paths or not paths[0].is_file()]
    if missing:
        hint = "; this is the Python version, the binary one is needed" if (folder / "batches.meta").exists() else ""
        raise BadInput(f"{folder} has no {missing[0]}{hint}")
    return {"train": train, "test": test}


def _records(paths: list[Path]) -> list[NDArray[Any]]:
    """One row of bytes for each image, read from disk when it is looked at."""
    import numpy as np

    found: list[NDArray[Any]] = []
    for path in paths:
        size = path.stat().st_size
        if not size or size % RECORD:
            raise BadInput(f"{path} has {size} bytes, which is not a whole number of images of {RECORD}; it is truncated or no CIFAR-10")
        rows = np.memmap(path, np.uint8, "r").reshape(-1, RECORD)
        if rows[:, 0].max() >= len(LABELS):
            raise BadInput(f"{path} has a class {rows[:, 0].max()}; CIFAR-10 has 0 to 9, so this is not a batch of it")
        found.extend(rows)
    return found
