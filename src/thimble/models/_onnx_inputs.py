"""What an ONNX file takes: declared tensors, numbers that are set, and sizes that work where the file leaves them free."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from thimble.core.errors import BadInput
from thimble.core.patience import SAMPLE_S, killed_after
from thimble.core.subgraphs import graphs_of
from thimble.core.task import ModelSpec
from thimble.core.values import TensorSpec, listed
from thimble.models._inputs import agreed_inputs, shape_text
from thimble.models._streams import of_one_step, single, with_axes, with_lengths, with_states

Answer = Callable[[tuple[TensorSpec, ...]], Any]
"""Runs the file on noise of these inputs; raises where it doesn't run."""

IMAGES = ((224, 224), (320, 320), (640, 640), (48, 320), (32, 320), (512, 512), (64, 64), (32, 32))
"""Heights and widths that are tried where an image's are free: classifiers', detectors', recognisers' of text."""

LENGTHS = (128, 576, 512, 256, 1024, 4096, 16000, 64, 16, 1)
"""Lengths that are tried where a sequence's is free."""

CHANNELS = (1, 3, 4)

COMPARING = ("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual")
CARRYING = ("Cast", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Gather")
"""Operators behind which a number is still the same."""


def declared_inputs(proto: Any, path: Path) -> tuple[TensorSpec, ...]:
    """The graph's inputs that are no weights; raises `BadInput` for sequences, maps and optional values."""
    from onnx import helper

    weights = {tensor.name for tensor in proto.graph.initializer}
    made = []
    for one in proto.graph.input:
        if one.name in weights:
            continue
        tensor = one.type.tensor_type
        if not one.type.HasField("tensor_type") or not tensor.HasField("shape"):
            raise BadInput(f"{path} takes {one.name}, which is not a tensor of a known number of dimensions")
        shape = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in tensor.shape.dim)
        try:
            dtype = str(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        except KeyError as error:
            raise BadInput(f"{path} takes {one.name} in a type that ONNX does not have ({tensor.elem_type})") from error
        if dtype == "object":
            raise BadInput(f"{path} takes {one.name}, which is text; inputs are numbers: put what turns text into numbers before the file")
        made.append(TensorSpec(one.name, shape, dtype))
    if not made:
        raise BadInput(f"{path} takes no input")
    return tuple(made)


def settled_inputs(proto: Any, path: Path, spec: ModelSpec) -> tuple[tuple[TensorSpec, ...], str | None]:
    """The inputs with the numbers that ``--set`` gives and the sizes that are asked for; and a remark on the batch.

    Raises `BadInput` for a single number that nothing gives, with the number that the graph compares it with.
    """
    declared = declared_inputs(proto, path)
    if not any(one.shape for one in declared):
        raise BadInput(f"{path} takes {declared[0].name}, a single number without a batch; inputs have the samples as first dimension")
    values = dict(spec.values or {})
    if unknown := values.keys() - {one.name for one in declared}:
        raise BadInput(f"--set names {listed(sorted(unknown))}; {path} takes {listed(one.name for one in declared)}")
    declared = tuple(replace(one, value=values.get(one.name)) for one in declared)
    for one in declared:
        if not one.shape and one.value is None and one.name not in (spec.shapes or {}):
            number = compared_with(proto, one.name)
            raise BadInput(f"{path} takes {one.name}, a single number that the data don't contain: add --set {one.name}={number:g}")
    declared = with_states(with_axes(declared, proto, spec, str(path)), proto, spec, str(path))
    spec = of_one_step(spec, declared)
    asked = set(spec.shapes or {})
    free = tuple(one for one in declared if one.shape and (one.value is None or one.name in asked))
    agreed = {one.name: one for one in agreed_inputs(free, _without_numbers(spec, declared), spec.spec)}
    made, remark = single(with_lengths(tuple(agreed.get(one.name, one) for one in declared), spec))
    return (made, remark) if remark else _single_where_mixed(made)


def _without_numbers(spec: ModelSpec, declared: tuple[TensorSpec, ...]) -> ModelSpec:
    """The specification without shapes of single numbers, which have none."""
    numbers = {one.name for one in declared if not one.shape}
    return replace(spec, shapes={name: shape for name, shape in (spec.shapes or {}).items() if name not in numbers} or None)


def _single_where_mixed(inputs: tuple[TensorSpec, ...]) -> tuple[tuple[TensorSpec, ...], str | None]:
    """One sample at a time where some inputs have another first dimension than the batch: a recurrent state's layers, say."""
    firsts = [one.shape[0] for one in inputs if one.shape]
    other = next((one for one in inputs if one.shape and one.shape[0] not in (None, 1)), None)
    if other is None or None not in firsts:
        return inputs, None
    made = []
    for one in inputs:
        if one.shape and one.shape[0] is None:
            made.append(replace(one, shape=(1, *one.shape[1:])))
        elif one.shape and one.shape[0] != 1 and one.shape.count(None) == 1:
            made.append(replace(one, shape=one.with_batch(1)))
        else:
            made.append(one)
    return tuple(made), f"takes one sample at a time, since the first dimension of {other.name} ({shape_text(other.shape)}) is not a batch"


def sized_inputs(inputs: tuple[TensorSpec, ...], answer: Answer) -> tuple[tuple[TensorSpec, ...], Any]:
    """The inputs with sizes that work where dimensions are free, and what ``answer`` gave for them.

    Raises what ``answer`` raised for the first sizes that were tried where none works.
    """
    first: Exception | None = None
    for sized in _proposals(inputs):
        try:
            with killed_after(SAMPLE_S):
                return sized, answer(sized)
        except Exception as error:  # ONNX Runtime's errors have no common base
            first = first or error
    assert first is not None
    raise first


def _proposals(inputs: tuple[TensorSpec, ...]) -> Iterator[tuple[TensorSpec, ...]]:
    if not any(None in one.shape[1:] for one in inputs):
        yield inputs
        return
    for i in range(max(len(IMAGES), len(LENGTHS))):
        image, length = IMAGES[min(i, len(IMAGES) - 1)], LENGTHS[min(i, len(LENGTHS) - 1)]
        yield tuple(replace(one, sizes=_sizes(one, image, length)) for one in inputs)


def _sizes(one: TensorSpec, image: tuple[int, int], length: int) -> tuple[int, ...] | None:
    if None not in one.shape[1:]:
        return None
    proposed: tuple[int, ...] = (1, *(length for _ in one.shape[1:]))
    if len(one.shape) == 4:
        last = one.shape[3] in CHANNELS and one.shape[1] not in CHANNELS
        proposed = (1, *image, 3) if last else (1, 3, *image)
    return tuple(own or other for own, other in zip(one.shape, proposed, strict=True))


def compared_with(proto: Any, name: str) -> float:
    """The constant that the graph compares an input with, such as the sampling rate that a branch is for; else 1."""
    import onnx

    names = {name}
    for graph in graphs_of(proto.graph):
        held = {tensor.name: tensor for tensor in graph.initializer}
        held |= {node.output[0]: a.t for node in graph.node if node.op_type == "Constant" for a in node.attribute if a.HasField("t")}
        for node in graph.node:
            others = [held[other] for other in node.input if other in held]
            if names.isdisjoint(node.input):
                continue
            if node.op_type in CARRYING:
                names.update(node.output)
            elif others and node.op_type in COMPARING:
                return float(onnx.numpy_helper.to_array(others[0]).reshape(-1)[0])
    return 1.0
