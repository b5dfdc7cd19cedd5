"""Outputs of an artifact, batch by batch: running a split through a worker, and keeping what comes out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thimble.core.artifact import Artifact
from thimble.core.aside import new_folder
from thimble.core.errors import BadInput, RuntimeFailed
from thimble.core.model import batch_of, steps_in, taken
from thimble.core.subject import Subject
from thimble.core.task import Batch, Split
from thimble.devices.process import Worker
from thimble.measure.metrics._outputs import primary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays
    from thimble.core.values import TensorSpec

BATCH = 32
BATCH_BYTES = 16_000_000
SAME_DB = 40.0
"""Outputs of a batch and of its samples one by one count as the same above this SQNR."""


def run_batch(worker: Worker, batch: Batch, subject: Subject) -> Arrays:
    """Outputs of one batch by the artifact's names; a fixed batch size is filled up with the last sample.

    Raises `RuntimeFailed` for outputs that are NaN, infinite or not one per sample.
    """
    inputs, count, specs = batch.inputs, len(batch), subject.artifact.inputs
    size = max(count, fixed_batch(subject.artifact) or count)
    if count < size:
        inputs = {name: np.concatenate([array, np.repeat(array[-1:], size - count, axis=0)]) for name, array in inputs.items()}
    outputs = run_steps(worker.run, inputs, specs, batch.targets) if any(one.state for one in specs) else worker.run(inputs)
    axis = max((one.axis for one in specs if one.state is None), default=0)
    if size == 1:  # an output without a batch, a recurrent state's say, belongs to the only sample
        outputs = {name: of_one_sample(array, axis) for name, array in outputs.items()}
    for name, array in outputs.items():
        if array.ndim == 0 or len(array) != size:
            raise RuntimeFailed(f"{subject.name}: output {name!r} of shape {array.shape} is not one per sample for a batch of {size}")
        if array.dtype.kind == "f" and (bad := array.size - int(np.isfinite(array).sum())):
            raise RuntimeFailed(f"{subject.name}: output {name!r} holds {bad} values that are NaN or infinite; the artifact is broken")
    return {name: array[:count] for name, array in outputs.items()}


def of_one_sample(array: NDArray[Any], axis: int) -> NDArray[Any]:
    """The output of a single sample with its batch first: moved there from ``axis``, or added where there is none."""
    if axis and array.ndim > axis and array.shape[axis] == 1:
        return np.moveaxis(array, axis, 0)
    return array if array.shape[:1] == (1,) else array[None]


def run_steps(run: Callable[[Arrays], Arrays], inputs: Arrays, specs: Sequence[TensorSpec], targets: NDArray[Any] | None = None) -> Arrays:
    """The outputs of one sample of a model with states, which are carried from step to step and are no outputs themselves.

    Of sequences the outputs of all steps, samples x steps x ...; of the last step where there is one target for a sample.
    """
    states: Arrays = {}
    found: dict[str, list[NDArray[Any]]] = {}
    count = steps_in(inputs, specs)
    own = {spec.state: spec.name for spec in specs if spec.state}
    data = renamed_whole(inputs, specs)
    for step in range(count):
        feed = {spec.name: taken(data[spec.name], spec, specs, step) for spec in specs if spec.name in data}
        outputs = run({**feed, **states})
        states = {own[name]: array for name, array in outputs.items() if name in own}
        for name, array in outputs.items():
            if name not in own or len(own) == len(outputs):
                found.setdefault(name, []).append(array)
    sequence = any(data[spec.name].ndim == len(spec.shape) + 1 for spec in specs if spec.name in data)
    if not sequence or (targets is not None and targets.ndim == 1):
        return {name: arrays[-1] for name, arrays in found.items()}
    return {
        name: np.stack([array if array.shape[:1] == (1,) else array[None] for array in arrays], axis=1) for name, arrays in found.items()
    }


def renamed_whole(inputs: Arrays, specs: Sequence[TensorSpec]) -> Arrays:
    """Sequences under a model's names: by the same names, else by position among the inputs that have no value of their own."""
    if set(inputs) <= {spec.name for spec in specs}:
        return dict(inputs)
    free = [spec.name for spec in specs if spec.value is None]
    if len(free) != len(inputs):
        raise BadInput(f"the model takes {', '.join(free)}, the data gives {', '.join(inputs)}")
    return dict(zip(free, inputs.values(), strict=True))


def fixed_batch(artifact: Artifact) -> int | None:
    """The batch size an artifact insists on."""
    return batch_of(artifact.inputs)


def batch_size(worker: Worker, split: Split, artifact: Artifact) -> int:
    """As many samples as fit in 16 MB of inputs, at most 32; one where samples of a batch change each other's outputs."""
    if len(split) == 0:
        raise BadInput("the split holds no samples")
    fixed = fixed_batch(artifact)
    if fixed is not None:
        return fixed
    first = next(iter(split.batches(1)))
    size = max(1, min(BATCH, BATCH_BYTES // max(1, sum(array.nbytes for array in first.inputs.values()))))
    batch = next(iter(split.batches(size)))
    return size if len(batch) == 1 or _independent(worker, batch.inputs) else 1


def _independent(worker: Worker, inputs: Arrays) -> bool:
    """Return whether the first samples give alone what they give in their batch; an artifact that can't run the batch says no."""
    try:
        together = primary(worker.run(inputs))
    except RuntimeFailed:
        worker.close()
        worker.open()
        return False
    for i in range(min(4, len(together))):
        alone = primary(worker.run({name: array[i : i + 1] for name, array in inputs.items()}))[0].astype(np.float64)
        if alone.shape != together[i].shape:
            return False
        if sqnr_db(float((alone**2).sum()), float(((alone - together[i]) ** 2).sum())) < SAME_DB:
            return False
    return True


def sqnr_db(signal: float, noise: float) -> float:
    """Signal-to-quantization-noise ratio of two sums of squares, in dB, at most 200."""
    if noise <= 0:
        return 200.0
    return max(-200.0, min(200.0, 10 * math.log10(signal / noise))) if signal > 0 else -200.0


def likeness(outputs: Sequence[NDArray[Any]], others: Sequence[NDArray[Any]]) -> dict[str, Any]:
    """How alike the outputs of two models on the same inputs are; or ``not available`` and why.

    ``sqnr_db`` and ``cosine`` of all numbers together; ``largest`` is the largest difference of any number, ``reach`` the largest
    number of the second model's outputs without its sign.
    """
    if any(ours.shape != theirs.shape for ours, theirs in zip(outputs, others, strict=True)):
        return {"not available": f"outputs of shape {outputs[0].shape} and {others[0].shape}"}
    ours, theirs = (np.concatenate([array.ravel().astype(np.float64) for array in arrays]) for arrays in (outputs, others))
    length = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    if not math.isfinite(length):
        return {"not available": "outputs that are NaN or infinite"}
    found = sqnr_db(float((theirs**2).sum()), float(((ours - theirs) ** 2).sum()))
    apart, reach = float(np.abs(ours - theirs).max()), float(np.abs(theirs).max())
    return {"sqnr_db": found, "cosine": float(ours @ theirs) / length if length else None, "largest": apart, "reach": reach}


def kept_outputs(folder: Path) -> Arrays:
    """Every output that `keeping` left, by name, read piece by piece."""
    try:
        names = json.loads((folder / "names.json").read_text())
        return {name: np.load(folder / f"{i}.npy", mmap_mode="r") for i, name in enumerate(names)}
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder} holds no outputs to compare with: {error}") from error


@contextmanager
def keeping(folder: Path | None, samples: int) -> Iterator[Callable[[Arrays, int], None]]:
    """A function ``put(outputs, seen)`` that puts outputs aside as they come: ``0.npy``, ``1.npy``, ... and ``names.json``.

    The folder appears, complete, when all went well. Without a folder nothing is kept.
    """
    if folder is None:
        yield lambda outputs, seen: None
        return
    files: dict[str, Any] = {}
    with new_folder(folder) as aside:

        def put(outputs: Arrays, seen: int) -> None:
            for i, (name, array) in enumerate(outputs.items()):
                if name not in files:
                    shape = (samples, *array.shape[1:])
                    files[name] = np.lib.format.open_memmap(aside / f"{i}.npy", mode="w+", dtype=array.dtype, shape=shape)
                known = files[name].shape[1:]
                if known != array.shape[1:]:
                    raise RuntimeFailed(f"output {name!r} changes its shape from {known} to {array.shape[1:]} between batches")
                files[name][seen : seen + len(array)] = array

        yield put
        (aside / "names.json").write_text(json.dumps(list(files)))
        files.clear()
