"""A model as steps pass it along: a format, a payload, and what its tensors are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from thimble.core.errors import BadInput
from thimble.core.values import TensorSpec

if TYPE_CHECKING:
    from thimble.core.task import Arrays

TORCH = "torch"
"""The one format that lives in memory: an ``nn.Module`` in evaluation mode, which further steps can change."""
NHWC = "nhwc"
"""The layout of images whose channels come last, as `TensorSpec` names it."""


@dataclass(frozen=True)
class Model:
    """A network between two steps.

    ``payload`` is an ``nn.Module`` for the format ``torch``, else the path of a folder that holds the files
    of that format (``model.onnx``, ``model.pt2``, ...). ``inputs`` are in the order the network takes them;
    ``outputs`` are the keys of its output dictionary. ``notes`` carries what a step found worth telling
    (JSON values), such as the layers it left alone.
    """

    format: str
    payload: Any
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    notes: Mapping[str, Any] = field(default_factory=dict)

    def becoming(self, payload: Any, format: str | None = None, **notes: Any) -> Self:
        """The same tensors with another payload (and format), and more notes."""
        return replace(self, payload=payload, format=format or self.format, notes={**self.notes, **notes})

    @property
    def folder(self) -> Path:
        """The folder of a model on disk."""
        if self.format == TORCH:
            raise TypeError("a model in memory has no folder")
        return Path(self.payload)


def named_outputs(result: Any) -> dict[str, Any]:
    """Name what a network returned: a tensor is ``output``, a tuple ``output_0``..., a dictionary keeps its keys.

    Nested structures are flattened with ``.`` between the names; ``None`` entries are dropped.
    """
    if isinstance(result, Mapping):
        return {
            key if name == "output" else f"{key}.{name}": value
            for key, part in result.items()
            for name, value in named_outputs(part).items()
        }
    if isinstance(result, tuple | list):
        if len(result) == 1:
            return named_outputs(result[0])
        return {
            f"output_{i}" if name == "output" else f"output_{i}.{name}": value
            for i, part in enumerate(result)
            for name, value in named_outputs(part).items()
        }
    return {} if result is None else {"output": result}


def fed(inputs: Arrays, specs: tuple[TensorSpec, ...]) -> Arrays:
    """A task's inputs under a model's names: by the same names, else by position; in the model's types.

    Raises `BadInput` where neither fits.
    """
    wanted = {spec.name: spec.dtype for spec in specs}
    return {name: array.astype(wanted[name], copy=False) for name, array in renamed(inputs, specs).items()}


def renamed(inputs: Arrays, specs: tuple[TensorSpec, ...]) -> Arrays:
    """A task's inputs under a model's names: by the same names, else by position.

    An input with a value of its own is filled with that where the data don't name it; of a single number's column the
    first entry is taken. Of sequences a model with states gets the first step; the batch is put in its place. Raises
    `BadInput` where neither fits.
    """
    import numpy as np

    wanted = [spec.name for spec in specs if spec.value is None or spec.name in inputs]
    if set(wanted) <= set(inputs):
        found = {name: inputs[name] for name in wanted}
    elif len(wanted) == len(inputs):
        found = dict(zip(wanted, inputs.values(), strict=True))
    else:
        raise BadInput(f"the model takes {', '.join(wanted)}, the data gives {', '.join(inputs)}")
    batch = next((len(array) for array in inputs.values() if array.ndim), 1)
    made: Arrays = {}
    for spec in specs:
        if spec.name not in found:
            made[spec.name] = np.full(spec.with_batch(batch), spec.value, spec.dtype)
        else:
            array = found[spec.name]
            made[spec.name] = taken(array, spec, specs) if spec.shape or not array.ndim else array.reshape(-1)[0]
    return made


def taken(array: Any, spec: TensorSpec, specs: Sequence[TensorSpec], step: int = 0) -> Any:
    """Data of one input as the model takes them: a step of a sequence where it has states, the batch in its place."""
    import numpy as np

    if array.ndim == len(spec.shape) + 1 and any(one.state for one in specs):
        array = array[:, step]
    if spec.layout == NHWC and array.ndim == 4 and not _fits(array, spec):
        return np.ascontiguousarray(np.moveaxis(array, 1, -1))
    return np.moveaxis(array, 0, spec.axis) if spec.axis and array.ndim > spec.axis and spec.state is None else array


def channels_first(inputs: Arrays, specs: Sequence[TensorSpec]) -> Arrays:
    """Inputs as the network has them that a file was made of, from inputs as the file takes them."""
    import numpy as np

    last = {spec.name for spec in specs if spec.layout == NHWC}
    return {name: np.ascontiguousarray(np.moveaxis(array, -1, 1)) if name in last else array for name, array in inputs.items()}


def _fits(array: Any, spec: TensorSpec) -> bool:
    """Return whether an array has an input's shape, the batch aside, as it is."""
    return all(wanted in (None, size) for wanted, size in zip(spec.shape[1:], array.shape[1:], strict=True))


def steps_in(inputs: Arrays, specs: Sequence[TensorSpec]) -> int:
    """How many steps a batch of sequences has for a model with states; 1 for single steps and for other models."""
    if not any(one.state for one in specs):
        return 1
    ranks = {one.name: len(one.shape) for one in specs}
    free = [one.name for one in specs if one.value is None]
    names = dict(zip(inputs, free, strict=False)) if not set(inputs) <= set(ranks) else {name: name for name in inputs}
    return max((array.shape[1] for name, array in inputs.items() if array.ndim == ranks.get(names.get(name, name), -1) + 1), default=1)


def batch_of(specs: tuple[TensorSpec, ...]) -> int | None:
    """The batch size that a model insists on; ``None`` where it is free.

    Where first dimensions differ, as with a recurrent state's, one sample is taken at a time.
    """
    sizes = {spec.shape[spec.axis] for spec in specs if spec.shape and spec.value is None} - {None}
    return None if not sizes else sizes.pop() if len(sizes) == 1 else 1


def example_inputs(model: Model, batch: int = 2) -> tuple[Any, ...]:
    """PyTorch tensors of the model's shapes and types: normal noise for floats (fixed seed), ones for integers.

    One is a valid token, label and length; zero is padding to many networks, and a sample of nothing else has no answer.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    made = []
    for spec in model.inputs:
        dtype, shape = getattr(torch, spec.dtype), spec.with_batch(batch)
        made.append(torch.randn(shape, generator=generator).to(dtype) if dtype.is_floating_point else torch.ones(shape, dtype=dtype))
    return tuple(made)


def noise_inputs(specs: tuple[TensorSpec, ...], batch: int = 2, seed: int = 0) -> Arrays:
    """Arrays of these shapes and types: normal noise for floats, ones for integers (see `example_inputs`), true for flags."""
    import numpy as np

    generator = np.random.default_rng(seed)
    made: Arrays = {}
    for spec in specs:
        shape = spec.with_batch(batch)
        if spec.value is not None:
            values = np.full(shape, spec.value)
        else:
            values = np.asarray(generator.standard_normal(shape)) if spec.dtype.startswith(("float", "bfloat")) else np.ones(shape)
        made[spec.name] = values.astype(spec.dtype)
    return made
