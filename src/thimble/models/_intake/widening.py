"""FP16 and bfloat16 widened to FP32: quantizers take FP32 weights, and processors compute in it.

No tool does this: converters exist for the other direction only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from thimble.core.subgraphs import graphs_of
from thimble.models._intake.naming import rename
from thimble.models._intake.wording import count

TYPED = ("to", "dtype")
"""Attributes that hold a tensor's type."""


def has_halves(proto: Any) -> bool:
    """Return whether any weight, input or constant is of 16 bits."""
    kinds = _halves()
    return any(tensor.data_type in kinds for graph in graphs_of(proto.graph) for tensor in _tensors(graph)) or any(
        value.type.tensor_type.elem_type in kinds for value in (*proto.graph.input, *proto.graph.output)
    )


def widen(proto: Any) -> str | None:
    """Make every 16-bit weight and computation 32-bit; inputs and outputs keep their types, with a Cast beside them."""
    if not has_halves(proto):
        return None
    from onnx import TensorProto

    kinds = _halves()
    weights = 0
    for graph in graphs_of(proto.graph):
        del graph.value_info[:]
        for tensor in _tensors(graph):
            weights += _widen_tensor(tensor, kinds)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.name in TYPED and attribute.i in kinds:
                    attribute.i = TensorProto.FLOAT
        for value in () if graph is proto.graph else (*graph.input, *graph.output):
            if value.type.tensor_type.elem_type in kinds:
                value.type.tensor_type.elem_type = TensorProto.FLOAT
    _cast_ends(proto.graph, kinds)
    return count(weights, "weight", "widened from 16 bits to FP32")


def _halves() -> tuple[int, int]:
    from onnx import TensorProto

    return (int(TensorProto.FLOAT16), int(TensorProto.BFLOAT16))


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _widen_tensor(tensor: Any, kinds: tuple[int, int]) -> bool:
    import numpy as np
    from onnx import numpy_helper

    if tensor.data_type not in kinds:
        return False
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    return True


def _cast_ends(graph: Any, kinds: tuple[int, int]) -> None:
    """A Cast behind each 16-bit input and before each such output."""
    from onnx import TensorProto, helper

    first, last = [], []
    for value in graph.input:
        if value.type.tensor_type.elem_type in kinds:
            rename(graph, {value.name: f"{value.name}__wide"}, ends=False)
            first.append(helper.make_node("Cast", [value.name], [f"{value.name}__wide"], f"{value.name}__widen", to=TensorProto.FLOAT))
    for value in graph.output:
        kind = value.type.tensor_type.elem_type
        if kind in kinds:
            rename(graph, {value.name: f"{value.name}__wide"}, ends=False)
            last.append(helper.make_node("Cast", [f"{value.name}__wide"], [value.name], f"{value.name}__narrow", to=kind))
    nodes = [*first, *graph.node, *last]
    kept = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)
