"""Inputs of networks that go step by step through time, and of those whose batch is not the first dimension.

A state is an input that the network gives back for the next step: ``h`` and ``hn``, ``state`` and ``stateN``. Where a network has
states, or a batch in another place, it takes one sample at a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from thimble.core.errors import BadInput
from thimble.core.task import ModelSpec
from thimble.core.values import TensorSpec, listed

BATCH = re.compile(r"n|b|bs|batch|batch_?size", re.IGNORECASE)
"""Names of dimensions that are a batch."""


def with_axes(inputs: tuple[TensorSpec, ...], proto: Any, spec: ModelSpec, source: str) -> tuple[TensorSpec, ...]:
    """The inputs with the place of their batch: what ``--batch-axis`` says, else the dimension that the file names so, else the first.

    Raises `BadInput` for inputs that the model doesn't have, and places beyond an input's dimensions.
    """
    given = dict(spec.batch_axes or {})
    _check_names("--batch-axis", given, inputs, source)
    made = []
    for one in inputs:
        axis = given.get(one.name, named_axis(proto, one.name))
        if not 0 <= axis < max(1, len(one.shape)):
            raise BadInput(
                f"--batch-axis {one.name}={axis} is not a dimension of {one.name}, which has {len(one.shape)}: 0 to {len(one.shape) - 1}"
            )
        made.append(replace(one, axis=axis))
    return tuple(made)


def named_axis(proto: Any, name: str) -> int:
    """The place of the only dimension that the file calls a batch; 0 where none is, or the first one."""
    value = next((one for one in proto.graph.input if one.name == name), None)
    names = [dim.dim_param for dim in value.type.tensor_type.shape.dim] if value is not None else []
    places = [i for i, text in enumerate(names) if BATCH.fullmatch(text)]
    return places[0] if len(places) == 1 else 0


def with_states(inputs: tuple[TensorSpec, ...], proto: Any, spec: ModelSpec, source: str) -> tuple[TensorSpec, ...]:
    """The inputs with the outputs that states come from: what ``--state`` says, else by names and shapes that belong together.

    An input that the data give, by its name, is none; nor is the only one. States begin with 0, or the number of ``--set``.
    """
    given, outputs = dict(spec.states or {}), {one.name: one for one in proto.graph.output}
    _check_names("--state", given, inputs, source)
    if unknown := set(given.values()) - set(outputs):
        raise BadInput(f"--state names {listed(sorted(unknown))}; {source} answers with {listed(outputs)}")
    found = {one.name: given.get(one.name) or _pair(one, outputs, spec) for one in inputs}
    if all(found.values()):
        found = {name: given.get(name) for name in found}
    return tuple(
        replace(one, state=found[one.name], value=0.0 if one.value is None else one.value) if found[one.name] else one for one in inputs
    )


def _pair(one: TensorSpec, outputs: Mapping[str, Any], spec: ModelSpec) -> str | None:
    """The output that is this input's next state, by its name and shape."""
    if not one.shape or one.name in (spec.shapes or {}):
        return None
    stem = one.name.rstrip("0")
    names = [f"{stem}{end}" for end in ("N", "n", "_n", "_N", "_out", "_next", "out", "Out", "1")]
    names += [f"{begin}{one.name}" for begin in ("new_", "next_", "out_", "output_")]
    names += [one.name.replace("past", "present"), re.sub(r"_in(put)?$", r"_out\1", one.name), re.sub(r"^in(put)?_", r"out\1_", one.name)]
    for name in names:
        value = outputs.get(name)
        if name != one.name and value is not None and _alike(one, value):
            return name
    return None


def _alike(one: TensorSpec, output: Any) -> bool:
    """Return whether an output has a state's type and as many dimensions, and no size that contradicts it."""
    from onnx import helper

    tensor = output.type.tensor_type
    sizes = [dim.dim_value if dim.dim_value > 0 else None for dim in tensor.shape.dim]
    same = len(sizes) == len(one.shape) and all(a is None or b is None or a == b for a, b in zip(sizes, one.shape, strict=True))
    return same and str(helper.tensor_dtype_to_np_dtype(tensor.elem_type)) == one.dtype


def _check_names(option: str, given: Mapping[str, Any], inputs: Sequence[TensorSpec], source: str) -> None:
    if unknown := given.keys() - {one.name for one in inputs}:
        raise BadInput(f"{option} names {listed(sorted(unknown))}; {source} takes {listed(one.name for one in inputs)}")


def single(inputs: tuple[TensorSpec, ...]) -> tuple[tuple[TensorSpec, ...], str | None]:
    """One sample at a time where there are states, or a batch that is not the first dimension; and a line that says so."""
    states = [f"{one.name} from {one.state}" for one in inputs if one.state]
    moved = [f"{one.name} has its batch at dimension {one.axis}" for one in inputs if one.axis and not one.state]
    if not states and not moved:
        return inputs, None
    made = tuple(replace(one, shape=_with_one(one)) for one in inputs)
    said = f"carries states over sequences ({listed(states)}): figures are those of one step" if states else listed(moved)
    return made, f"takes one sample at a time; {said}"


def _with_one(one: TensorSpec) -> tuple[int | None, ...]:
    """The shape with a batch of 1; a fixed one stays."""
    places = {one.axis} if one.axis or not one.state else {i for i, size in enumerate(one.shape) if size is None}
    return tuple(1 if size is None and i in places else size for i, size in enumerate(one.shape))


def of_one_step(spec: ModelSpec, inputs: Sequence[TensorSpec]) -> ModelSpec:
    """The specification with shapes of data as the inputs have them: without the time of a sequence, the batch in its place."""
    shapes = dict(spec.shapes or {})
    if not shapes or spec.named:
        return spec
    free = [one for one in inputs if one.shape and (one.value is None or one.name in shapes)]
    by_name = shapes.keys() <= {one.name for one in free}
    names = {name: name for name in shapes} if by_name else dict(zip(shapes, (one.name for one in free), strict=False))
    own = {one.name: one for one in free}
    stream = any(one.state for one in inputs)
    for name, shape in shapes.items():
        one = own.get(names.get(name, ""))
        if one is None:
            continue
        sizes = list(shape)
        if stream and len(sizes) == len(one.shape) + 1:
            del sizes[1]
        if one.axis and len(sizes) == len(one.shape):
            sizes.insert(one.axis, sizes.pop(0))
        shapes[name] = tuple(sizes)
    return replace(spec, shapes=shapes)


def with_lengths(inputs: tuple[TensorSpec, ...], spec: ModelSpec) -> tuple[TensorSpec, ...]:
    """Return the first sizes of inputs whose batch is not the first dimension; matching by the batch leaves these open."""
    given = dict(spec.shapes or {})
    single_name = next(iter(given)) if len(given) == 1 else None
    made = []
    for one in inputs:
        shape = given.get(one.name) or (given[single_name] if single_name and one.axis else None)
        fits = one.axis and shape is not None and len(shape) == len(one.shape) and one.shape[0] is None
        made.append(replace(one, shape=(shape[0], *one.shape[1:])) if fits and shape else one)
    return tuple(made)
