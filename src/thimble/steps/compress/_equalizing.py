"""Factors per channel that a convolution gives off and its readers take up, so that one scale suits all channels of a value.

One scale for all channels leaves channels of small numbers a few of its steps. A factor of a convolution's output channel is a factor of
its weights, whose scales are per channel: their integers stay as they are. A depthwise convolution takes the factor up in the same way.
Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction" (arXiv:1906.04721), section 4.1, move such
factors by the ranges of weights; here they go by the ranges of activations, since those share a scale, and past activation functions that
are not homogeneous, where one multiplication gives the numbers back. Only heavy work imports this module.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from thimble.core.task import Arrays
from thimble.steps.compress._bias_correction import told

HOMOGENEOUS = ("AveragePool", "GlobalAveragePool", "Identity", "LeakyRelu", "MaxPool", "PRelu", "Relu")
"""Operators of one value through which a positive factor of a channel goes."""
GATES = ("Add", "Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "Sigmoid", "Softplus", "Sub", "Tanh")
"""Operators before which the factor is taken back; the operators of an activation function."""
FUSED = ("Relu", "Clip")
"""Activations that the quantizer takes into the convolution before them: what they read is not quantized."""
SMALLEST = 1e-3
"""The smallest factor: dead channels have no range of their own."""


@dataclass
class _Plan:
    """What becomes of one convolution's channels: values that are scaled, weights that take the factor up, and inputs where it ends."""

    values: list[str]
    folds: list[tuple[Any, int]] = field(default_factory=list)
    ends: list[tuple[Any, int]] = field(default_factory=list)


class Graph:
    """A float graph with who reads what."""

    def __init__(self, model: Any) -> None:
        self.model, self.graph = model, model.graph
        self.held = {tensor.name: tensor for tensor in model.graph.initializer}
        self.outputs = {value.name for value in model.graph.output}
        self.convolved = {node.output[0] for node in model.graph.node if node.op_type == "Conv"}
        self.readers: dict[str, list[tuple[Any, int]]] = defaultdict(list)
        for node in model.graph.node:
            for i, name in enumerate(node.input):
                self.readers[name].append((node, i))

    def array(self, name: str) -> Any:
        """The numbers of an initializer."""
        return numpy_helper.to_array(self.held[name])

    def put(self, name: str, array: Any) -> None:
        """Replace an initializer's numbers."""
        self.held[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))

    def own(self, node: Any, i: int) -> bool:
        """Return whether an operator's input is an FP32 weight that nothing else reads."""
        held = i < len(node.input) and node.input[i] in self.held
        return held and len(self.readers[node.input[i]]) == 1 and self.held[node.input[i]].data_type == onnx.TensorProto.FLOAT


def equalize(model: Any, batches: Sequence[Arrays], threads: int, exponent: float, dense: bool) -> tuple[int, list[str]]:
    """Equalize a float graph in place; gives how many convolutions give factors off, and the names of operators to leave in float.

    ``exponent`` is that of each channel's range: 1 gives each the whole scale, and less leaves room for what was not seen. ``dense``
    lets convolutions over all channels take factors up, too, which costs precision of their weights.
    """
    graph = Graph(model)
    plans = [(node, plan) for node in list(graph.graph.node) if node.op_type == "Conv" and (plan := _planned(graph, node, dense))]
    names = list(dict.fromkeys(name for _, plan in plans for name in plan.values))
    if not names:
        return 0, []
    ranges, floats, changed = _channel_ranges(model, names, batches, threads), [], 0
    for node, plan in plans:
        factor = _factor([ranges[name] for name in plan.values], exponent)
        if not np.all(factor == 1.0):
            floats += _applied(graph, node, plan, factor)
            changed += 1
    return changed, floats


def _planned(graph: Graph, node: Any, dense: bool) -> _Plan | None:
    """How a convolution's outputs can be scaled per channel; `None` where they can't, or where that helps nothing."""
    bias = len(node.input) > 2 and node.input[2] != ""
    if not graph.own(node, 1) or (bias and not graph.own(node, 2)):
        return None
    plan = _Plan([])
    if not _follow(graph, node.output[0], plan, dense) or not plan.folds:
        return None
    first = graph.readers[node.output[0]]
    if not all(reader.op_type in FUSED for reader, _ in first):
        plan.values.append(node.output[0])
    return plan


def _follow(graph: Graph, value: str, plan: _Plan, dense: bool) -> bool:
    """Plan for all that reads a scaled value; whether each of its readers can take it."""
    if value in graph.outputs or not graph.readers[value]:
        return False
    return all(_reader(graph, node, i, plan, dense) for node, i in graph.readers[value])


def _reader(graph: Graph, node: Any, i: int, plan: _Plan, dense: bool) -> bool:
    """Plan for one reader of a scaled value."""
    if node.op_type == "Conv":
        deep = _groups(node) > 1
        if i != 0 or not graph.own(node, 1) or (not deep and not dense) or (deep and graph.array(node.input[1]).shape[1] != 1):
            return False
        plan.folds.append((node, 0 if deep else 1))
        return True
    other = [name for name in node.input[1:] if name] if i == 0 else [node.input[0]]
    scalar = all(name in graph.held and graph.array(name).size == 1 for name in other)
    through = node.op_type in HOMOGENEOUS or (node.op_type in ("Mul", "Div") and i == 0 and scalar) or _cuts(graph, node)
    gated = node.op_type == "Mul" and len(node.input) == 2 and node.input[1 - i] not in (*graph.held, node.input[i], *plan.values)
    if through or gated:
        plan.values.append(node.output[0])
        return _follow(graph, node.output[0], plan, dense)
    if node.op_type in GATES and (scalar or not other):
        plan.ends.append((node, i))
        return True
    return False


def _cuts(graph: Graph, node: Any) -> bool:
    """Return whether an operator cuts at 0 below, and above at a number that stays right: factors are at most 1, so it cuts a channel where
    that number times the factor lies, beyond all that was seen there."""
    if node.op_type != "Clip" or len(node.input) < 2 or node.input[1] not in graph.held:
        return False
    return float(graph.array(node.input[1]).item()) == 0.0 and node.input[0] in graph.convolved


def _groups(node: Any) -> int:
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == "group"), 1)


def _channel_ranges(model: Any, names: Sequence[str], batches: Sequence[Arrays], threads: int) -> dict[str, Any]:
    """The largest magnitude of each channel of each value."""
    found: dict[str, Any] = {}
    for arrays in told(model, names, batches, threads):
        for name, array in zip(names, arrays, strict=True):
            largest = np.abs(array).max(axis=tuple(k for k in range(array.ndim) if k != 1))
            found[name] = np.maximum(found.get(name, 0.0), largest)
    return found


def _factor(ranges: Sequence[Any], exponent: float) -> Any:
    """A factor for each channel, at most 1, so that no value gets a wider range than it has."""
    shares = [largest / largest.max() for largest in ranges if largest.max() > 0]
    share = np.maximum.reduce(shares) if shares else np.ones(1)
    return np.where(share > 0, np.maximum(share, SMALLEST) ** exponent, 1.0)


def _applied(graph: Graph, node: Any, plan: _Plan, factor: Any) -> list[str]:
    """Carry a plan out; the names of the operators that have to stay in float for it to help."""
    weight = graph.array(node.input[1])
    graph.put(node.input[1], weight / factor.reshape(-1, *[1] * (weight.ndim - 1)))
    if len(node.input) > 2 and node.input[2]:
        graph.put(node.input[2], graph.array(node.input[2]) / factor)
    for reader, axis in plan.folds:
        taken = graph.array(reader.input[1])
        graph.put(reader.input[1], taken * factor.reshape([-1 if k == axis else 1 for k in range(taken.ndim)]))
    floats: list[str] = []
    backs: dict[str, str] = {}
    for reader, i in plan.ends:
        value = reader.input[i]
        if value not in backs:
            backs[value] = f"{value}_whole"
            tensor = numpy_helper.from_array(factor.reshape(1, -1, *[1] * (weight.ndim - 2)).astype(np.float32), f"{value}_factor")
            made = helper.make_node("Mul", [value, tensor.name], [backs[value]], f"{node.name}_whole")
            place = next(k for k, one in enumerate(graph.graph.node) if one.output[0] == reader.output[0])
            graph.graph.initializer.append(tensor)
            graph.graph.node.insert(place, made)
            floats.append(made.name)
        reader.input[i] = backs[value]
        floats += _gate(graph, reader)
    return floats


def _gate(graph: Graph, node: Any) -> list[str]:
    """The operators of an activation function from one on, up to where it meets the value itself."""
    names = [node.name]
    following = graph.readers[node.output[0]]
    if len(following) == 1 and following[0][0].op_type in GATES:
        names += _gate(graph, following[0][0])
    return names
