"""What tasks are made of: splits that are read by index, from arrays or from images, and a task that holds them."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thimble.core.errors import BadInput
from thimble.core.preprocess import Preprocess, UnknownRange
from thimble.core.task import SPLITS, Arrays, Batch, Split
from thimble.core.values import digest_of, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGE = "input"
"""The name of an image task's only input."""
HELD_BYTES = 256_000_000
"""A split whose resized pixels take no more than this keeps them in memory once they are read."""


class Samples(abc.ABC):
    """Samples in a fixed order with their digests; targets are one array, its first dimension the samples'."""

    def __init__(self, targets: NDArray[Any] | None, ids: Sequence[str]) -> None:
        self.targets, self._ids = targets, tuple(ids)

    @abc.abstractmethod
    def take(self, indices: Sequence[int] | NDArray[Any]) -> Batch:
        """The samples at these positions, in this order."""

    @abc.abstractmethod
    def _reading(self) -> object:
        """What else decides the tensors (a JSON value), such as the preprocessing."""

    def __len__(self) -> int:
        return len(self._ids)

    def batches(self, size: int) -> Iterator[Batch]:
        """All samples in order, ``size`` at a time."""
        for start in range(0, len(self), size):
            yield self.take(range(start, min(start + size, len(self))))

    def sample_ids(self) -> tuple[str, ...]:
        """A digest of each sample's raw content."""
        return self._ids

    def fingerprint(self) -> str:
        """A digest of the samples, their order, their targets and how they are read."""
        targets = None if self.targets is None else [str(self.targets.dtype), self.targets.shape, self.targets.tobytes().hex()]
        return digest_of(self._ids, targets, self._reading())


class ArraySplit(Samples):
    """Samples that are rows of arrays, one array per input."""

    def __init__(self, inputs: Arrays, targets: NDArray[Any] | None, ids: Sequence[str]) -> None:
        super().__init__(targets, ids)
        self.inputs = inputs

    def take(self, indices: Sequence[int] | NDArray[Any]) -> Batch:
        """The rows at these positions."""
        import numpy as np

        rows = np.asarray(indices)
        return Batch({name: array[rows] for name, array in self.inputs.items()}, None if self.targets is None else self.targets[rows])

    def _reading(self) -> object:
        return {name: [str(array.dtype), array.shape[1:]] for name, array in self.inputs.items()}


class ImageSplit(Samples):
    """Images that are read and preprocessed when they are asked for; the pixels of small sets are kept once they are read.

    ``read`` gives the Pillow image at a position.
    """

    def __init__(self, read: Callable[[int], Any], targets: NDArray[Any], ids: Sequence[str], preprocess: Preprocess) -> None:
        super().__init__(targets, ids)
        self._read, self._preprocess = read, preprocess
        self._held: dict[int, NDArray[Any]] | None = (
            {} if len(self) * 3 * preprocess.size * (preprocess.width or preprocess.size) <= HELD_BYTES else None
        )

    def take(self, indices: Sequence[int] | NDArray[Any]) -> Batch:
        """The images at these positions, preprocessed."""
        import numpy as np

        assert self.targets is not None
        rows = [int(i) for i in indices]
        missing = rows if self._held is None else [i for i in dict.fromkeys(rows) if i not in self._held]
        made = dict(zip(missing, self._pixels(missing), strict=True))
        if self._held is not None:
            self._held |= made
            made = self._held
        pixels = np.stack([made[i] for i in rows])
        return Batch({IMAGE: self._preprocess.normalized(pixels)}, self.targets[rows])

    def _pixels(self, rows: list[int]) -> list[NDArray[Any]]:
        """Resized pixels of these images; several at once where they are large enough to gain from it."""
        from concurrent.futures import ThreadPoolExecutor

        try:
            if len(rows) < 2 or self._preprocess.size < 128:
                return [self._preprocess.pixels(self._read(i)) for i in rows]
            with ThreadPoolExecutor(_cores()) as pool:
                return list(pool.map(lambda i: self._preprocess.pixels(self._read(i)), rows))
        except UnknownRange as error:
            raise BadInput(str(error)) from error

    def image(self, index: int) -> Any:
        """The Pillow image at a position, before any preprocessing."""
        return self._read(index)

    def _reading(self) -> object:
        return repr(self._preprocess)


def _cores() -> int:
    import os

    return min(4, os.cpu_count() or 1)


@dataclass
class SplitTask:
    """A task whose splits are at hand. ``splits`` is keyed by `SPLITS`."""

    name: str
    metric: str
    labels: tuple[str, ...]
    splits: Mapping[str, Split]
    preprocess: Preprocess | None = None
    notes: tuple[str, ...] = field(default=())

    def split(self, name: str) -> Split:
        """One of the splits; raises `BadInput` where the task has none of that name."""
        if name not in self.splits:
            raise BadInput(f"{self.name} has no {name} split; it has {listed(s for s in SPLITS if s in self.splits)}")
        return self.splits[name]


def array_ids(inputs: Arrays) -> list[str]:
    """A digest of each row's bytes over all inputs."""
    import hashlib

    import numpy as np

    arrays = [np.ascontiguousarray(inputs[name]) for name in sorted(inputs)]
    return [hashlib.sha256(b"".join(array[i].tobytes() for array in arrays)).hexdigest()[:24] for i in range(len(arrays[0]))]
