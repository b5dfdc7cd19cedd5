"""Tasks that users put together in Python: from arrays, or from data sets that give one sample at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from thimble.core.errors import BadInput
from thimble.core.task import SPLITS, Arrays, Batch, Task
from thimble.core.values import listed
from thimble.data._split import IMAGE, ArraySplit, Samples, SplitTask, array_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray


def array_task(
    splits: Mapping[str, tuple[Any, Any]],
    metric: str = "accuracy",
    labels: Sequence[str] = (),
    name: str = "arrays",
    notes: Sequence[str] = (),
) -> Task:
    """A task from arrays: ``{"train": (x, y), "calibration": (x, None), "validation": ..., "test": ...}``.

    ``x`` is one array, the samples first, called ``input``, or a dictionary of several; ``y`` an array or ``None``.
    Raises `BadInput` for other splits, or arrays of unequal length.
    """
    import numpy as np

    made = {}
    for key, (x, y) in _known(splits).items():
        inputs = {str(k): np.asarray(v) for k, v in x.items()} if isinstance(x, Mapping) else {IMAGE: np.asarray(x)}
        targets = None if y is None else np.asarray(y)
        lengths = {k: len(v) for k, v in inputs.items()} | ({} if targets is None else {"y": len(targets)})
        if len(set(lengths.values())) != 1:
            raise BadInput(f"the {key} split has arrays of unequal length: {listed(f'{k} {n}' for k, n in lengths.items())}")
        made[key] = ArraySplit(inputs, targets, array_ids(inputs))
    return SplitTask(name, metric, tuple(labels), made, None, tuple(notes))


def dataset_task(
    splits: Mapping[str, Any],
    metric: str = "accuracy",
    labels: Sequence[str] = (),
    name: str = "data sets",
    collate: Callable[[list[Any]], tuple[Arrays, Any]] | None = None,
) -> Task:
    """A task from data sets with ``len`` and an index, such as PyTorch's; samples are read when they are needed.

    A sample is ``(input, target)``; inputs are arrays or dictionaries of them. ``collate`` makes a batch,
    ``(inputs by name, targets)``, from a list of samples where stacking them is not enough. Every sample is read once
    to tell copies in two splits.
    """
    return SplitTask(
        name, metric, tuple(labels), {key: _DatasetSplit(data, collate or _stacked, key) for key, data in _known(splits).items()}
    )


class _DatasetSplit(Samples):
    def __init__(self, data: Any, collate: Callable[[list[Any]], tuple[Arrays, Any]], name: str) -> None:
        import numpy as np

        self._data, self._collate = data, collate
        ids, targets = [], []
        for i in range(len(data)):
            inputs, target = collate([data[i]])
            bad = next((key for key, array in inputs.items() if array.dtype.kind == "f" and not np.isfinite(array).all()), None)
            if bad:
                raise BadInput(f"sample {i} of the {name} split holds NaN or infinity in {bad}")
            ids += array_ids(inputs)
            targets.append(target)
        super().__init__(_together(targets), ids)

    def take(self, indices: Sequence[int] | NDArray[Any]) -> Batch:
        """The samples at these positions, collated."""
        inputs, targets = self._collate([self._data[int(i)] for i in indices])
        return Batch(inputs, targets)

    def _reading(self) -> object:
        return None


def _stacked(samples: list[Any]) -> tuple[Arrays, Any]:
    import numpy as np

    inputs = [sample[0] for sample in samples]
    named = [one if isinstance(one, Mapping) else {IMAGE: one} for one in inputs]
    batch = {str(key): np.stack([np.asarray(one[key]) for one in named]) for key in named[0]}
    return batch, None if samples[0][1] is None else np.stack([np.asarray(sample[1]) for sample in samples])


def _together(targets: list[Any]) -> NDArray[Any] | None:
    import numpy as np

    return None if not targets or targets[0] is None else np.concatenate([np.asarray(one) for one in targets])


def _known(splits: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = [name for name in splits if name not in SPLITS]
    if unknown or "test" not in splits:
        raise BadInput(f"splits are {listed(SPLITS)}, and test must be among them; given are {listed(map(str, splits)) or 'none'}")
    return splits
