"""OpenVINO's own files, read by OpenVINO."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.artifact import Artifact
from thimble.core.values import TensorSpec
from thimble.formats import Ends, Stored

if TYPE_CHECKING:
    from thimble.core.task import Arrays

TITLE = "OpenVINO's own file"
SUFFIXES = (".xml",)
BESIDE = (".bin",)

DTYPES = {"f32": "float32", "f16": "float16", "f64": "float64", "i8": "int8", "u8": "uint8", "i32": "int32", "i64": "int64"}
DTYPES |= {"i4": "int4", "u4": "uint4", "bf16": "bfloat16", "boolean": "bool", "nf4": "nf4"}


def tensors(path: Path) -> Iterator[Stored]:
    """Every constant of the model."""
    import numpy as np
    import openvino

    for node in openvino.Core().read_model(path).get_ops():
        if node.get_type_name() != "Constant":
            continue
        values = node.get_data() if node.get_byte_size() else np.zeros(0, np.float32)
        kind = node.get_element_type().get_type_name()
        count = math.prod(node.get_output_shape(0))
        learned = kind not in ("i64", "i32", "boolean") and count > 1 and not _only_settings(node)
        subnormal = 0
        if values.dtype.kind == "f":
            subnormal = int(((values != 0) & (np.abs(values) < np.finfo(values.dtype).tiny)).sum())
        nonzero = int(np.count_nonzero(values)) if values.size == count else count
        yield Stored(node.get_friendly_name(), DTYPES.get(kind, kind), node.get_byte_size(), count, nonzero, learned, subnormal)


def _only_settings(constant: Any) -> bool:
    """Return whether a constant is nothing but ranges of quantization, or scales and zero points of weights that are stored as integers."""
    uses = [(target.get_node(), target.get_index()) for target in constant.output(0).get_target_inputs()]
    return bool(uses) and all(_is_setting(node, index) for node, index in uses)


def _is_setting(node: Any, index: int) -> bool:
    kind = node.get_type_name()
    if kind == "FakeQuantize":
        return index > 0
    if kind == "Convert":
        return _only_settings(node)
    return kind in ("Multiply", "Subtract") and _unpacks(node.input_value(1 - index).get_node())


def _unpacks(node: Any) -> bool:
    """Return whether a node gives stored integers as real numbers, with or without their zero point taken off."""
    kind = node.get_type_name()
    if kind == "Subtract":
        return _unpacks(node.input_value(0).get_node())
    if kind != "Convert" or not node.get_input_element_type(0).is_integral():
        return False
    return bool(node.input_value(0).get_node().get_type_name() == "Constant")


def macs(path: Path, artifact: Artifact) -> int:
    """Counted from shapes, at batch 1."""
    import openvino

    model = openvino.Core().read_model(path)
    shapes = {spec.name: list(spec.with_batch(1)) for spec in artifact.inputs}
    names = [name for port in model.inputs for name in port.get_names()]
    model.reshape(shapes if set(shapes) <= set(names) else dict(enumerate(shapes.values())))
    return sum(_node_macs(node) for node in model.get_ops())


def _node_macs(node: Any) -> int:
    kind = node.get_type_name()
    if kind in ("TensorIterator", "Loop"):
        raise ValueError(f"{kind} {node.get_friendly_name()} may multiply in a loop; how often can't be told")
    formula = FORMULAS.get(kind)
    return formula(node) if formula else 0


def _in(node: Any, index: int) -> tuple[int, ...]:
    return tuple(node.get_input_shape(index))


def _over_outputs(skipped: int) -> Callable[[Any], int]:
    """A sum over one filter for each output; the first ``skipped`` dimensions of the weights don't belong to one filter."""
    return lambda node: math.prod(node.get_output_shape(0)) * math.prod(_in(node, 1)[skipped:])


def _over_inputs(skipped: int) -> Callable[[Any], int]:
    """One filter for each input, of transposed convolutions."""
    return lambda node: math.prod(_in(node, 0)) * math.prod(_in(node, 1)[skipped:])


def _matmul(node: Any) -> int:
    left = _in(node, 0)
    inner = left[-2] if node.get_attributes().get("transpose_a") and len(left) > 1 else left[-1]
    outputs: tuple[int, ...] = node.get_output_shape(0)
    return math.prod(outputs) * inner


def _recurrent(weights: int) -> Callable[[Any], int]:
    """Every step of every sequence multiplies both weights of all directions."""
    return lambda node: math.prod(_in(node, 0)[:2]) * (math.prod(_in(node, weights)) + math.prod(_in(node, weights + 1)))


def _attention(node: Any) -> int:
    query, key, value = (_in(node, i) for i in range(3))
    return math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


FORMULAS: dict[str, Callable[[Any], int]] = {
    "Convolution": _over_outputs(1),
    "GroupConvolution": _over_outputs(2),
    "ConvolutionBackpropData": _over_inputs(1),
    "GroupConvolutionBackpropData": _over_inputs(2),
    "MatMul": _matmul,
    "LSTMSequence": _recurrent(4),
    "GRUSequence": _recurrent(3),
    "RNNSequence": _recurrent(3),
    "ScaledDotProductAttention": _attention,
}


def subnormal_activations(path: Path, inputs: Arrays) -> tuple[int, int]:
    """OpenVINO shows no tensor inside a model that it has compiled."""
    raise NotImplementedError("OpenVINO shows no tensor inside a model that it has compiled")


def holds(path: Path) -> bool:
    """Return whether an ``.xml`` file is a network of OpenVINO: it begins with ``<net``."""
    with path.open("rb") as file:
        return b"<net " in file.read(512)


def ends(path: Path) -> Ends:
    """The ports' names; ``input_0`` where one has none."""
    import openvino

    model = openvino.Core().read_model(path)
    inputs = tuple(
        TensorSpec(_name(port, f"input_{i}"), _dims(port), DTYPES.get(port.element_type.get_type_name(), "float32"))
        for i, port in enumerate(model.inputs)
    )
    return Ends(inputs, tuple(_name(port, f"output_{i}") for i, port in enumerate(model.outputs)))


def _name(port: Any, default: str) -> str:
    return min(port.get_names(), default=default)


def _dims(port: Any) -> tuple[int | None, ...]:
    return tuple(size.get_length() if size.is_static else None for size in port.partial_shape)


def endings(path: Path) -> dict[str, str]:
    """How each output of the graph ends, by its place (``0``, ``1``, ...)."""
    from xml.etree import ElementTree

    from thimble.formats._ending import ending

    root = ElementTree.parse(path).getroot()
    kinds = {layer.get("id", ""): layer.get("type", "") for layer in root.iter("layer")}
    taken: dict[str, list[str]] = {}
    for edge in root.iter("edge"):
        taken.setdefault(edge.get("to-layer", ""), []).append(edge.get("from-layer", ""))
    made = {name: (kind, taken.get(name, [])) for name, kind in kinds.items() if kind not in ("Const", "Parameter")}
    results = [name for name, kind in kinds.items() if kind == "Result"]
    found = {str(i): ending(name, made.get) for i, name in enumerate(results)}
    return {name: end for name, end in found.items() if end}
