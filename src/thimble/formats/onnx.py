"""ONNX files, weights in external files included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.artifact import Artifact
from thimble.formats import Stored
from thimble.formats._onnx_graph import graphs

if TYPE_CHECKING:
    from thimble.core.task import Arrays

TITLE = "an ONNX file"
SUFFIXES = (".onnx",)
BESIDE: tuple[str, ...] = ()

QUANTIZED = {
    "QLinearConv": ((1, 2, 4, 5, 6, 7), {3: 5}),
    "QLinearMatMul": ((1, 2, 4, 5, 6, 7), {3: 5}),
    "ConvInteger": ((2, 3), {1: 3}),
    "MatMulInteger": ((2, 3), {1: 3}),
    "QGemm": ((1, 2, 4, 5, 7, 8), {3: 5}),
    "DynamicQuantizeMatMul": ((2, 3), {1: 3}),
    "MatMulIntegerToFloat": ((2, 3, 4, 5), {1: 5}),
    "QLinearAdd": ((1, 2, 4, 5, 6, 7), {}),
    "DequantizeLinear": ((1, 2), {0: 2}),
    "QuantizeLinear": ((1, 2), {}),
}
"""Inputs that are scales and zero points, and for each input of weights that of its zero point."""

SHAPING = ("Clip", "Pad", "Resize", "Slice", "Reshape", "Gather", "Unsqueeze", "Squeeze", "Tile", "Expand")
"""Operators whose inputs after the first are settings."""


def macs(path: Path, artifact: Artifact) -> int:
    """Counted from shapes, at batch 1."""
    from thimble.formats.macs import macs_of_onnx

    return macs_of_onnx(path, {spec.name: spec.with_batch(1) for spec in artifact.inputs})


def subnormal_activations(path: Path, inputs: Arrays) -> tuple[int, int]:
    """Every real tensor of the main graph, from one run in ONNX Runtime with nothing fused."""
    import numpy as np
    import onnx

    from thimble.formats._onnx_graph import values_by_running

    graph = onnx.load(str(path), load_external_data=False).graph
    given = dict(zip((value.name for value in graph.input), inputs.values(), strict=False))
    names = [name for node in graph.node for name in node.output if name]
    values = [value for value in values_by_running(path, given, names).values() if value is not None and value.dtype.kind == "f"]
    few = sum(int(((value != 0) & (np.abs(value) < np.finfo(value.dtype).tiny)).sum()) for value in values)
    return few, sum(value.size for value in values)


def tensors(path: Path) -> Iterator[Stored]:
    """Every initializer and constant, in all graphs."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    held = {tensor.name: tensor for tensor in _held(model.graph)}
    plain, zero_points = _uses(model.graph)
    for name, tensor in held.items():
        yield _stored(tensor, path.parent, name not in plain, held.get(zero_points.get(name, "")))


def purposes(path: Path) -> dict[str, int]:
    """Bytes by what they are for; see `thimble.formats._onnx_bytes`."""
    from thimble.formats import _onnx_bytes

    return _onnx_bytes.purposes(path)


def endings(path: Path) -> dict[str, str]:
    """How each output of the graph ends, where that is known; see `thimble.formats._ending`."""
    import onnx

    from thimble.formats._ending import ending

    graph = onnx.load(str(path), load_external_data=False).graph
    made = {name: (node.op_type, node.input) for node in graph.node if node.op_type != "Constant" for name in node.output}
    found = {value.name: ending(value.name, made.get) for value in graph.output}
    return {name: end for name, end in found.items() if end}


def _held(graph: Any) -> Iterator[Any]:
    """Initializers and the tensors of Constant nodes, under the names they are used by."""
    import onnx

    for part in graphs(graph):
        yield from part.initializer
        for node in part.node:
            for attribute in node.attribute if node.op_type == "Constant" else ():
                if attribute.name == "value":
                    tensor = onnx.TensorProto()
                    tensor.CopyFrom(attribute.t)
                    tensor.name = node.output[0]
                    yield tensor


def _uses(graph: Any) -> tuple[set[str], dict[str, str]]:
    """Names of tensors that are no parameters, and the zero point of each quantized weight."""
    plain: set[str] = set()
    zero_points: dict[str, str] = {}
    for part in graphs(graph):
        for node in part.node:
            settings, weights = QUANTIZED.get(node.op_type, ((), {}))
            if node.op_type == "BatchNormalization":
                settings = (3, 4)
            elif node.op_type in SHAPING:
                settings = tuple(range(1, len(node.input)))
            plain |= {node.input[i] for i in settings if i < len(node.input)}
            zero_points |= {node.input[w]: node.input[z] for w, z in weights.items() if z < len(node.input)}
    return plain, zero_points


def _stored(tensor: Any, folder: Path, parameter: bool, zero_point: Any) -> Stored:
    import numpy as np
    import onnx

    values = onnx.numpy_helper.to_array(tensor, str(folder))
    dtype = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
    dtype = {"float": "float32", "double": "float64"}.get(dtype, dtype)
    bits = 4 if dtype.endswith("int4") else 8 * values.itemsize
    if values.dtype.kind not in "biuf":
        values = values.astype(np.float32)
    zero = _along(onnx.numpy_helper.to_array(zero_point, str(folder)), values) if zero_point is not None else 0
    nonzero = int(np.count_nonzero(values != zero)) if values.size else 0
    subnormal = 0
    if values.dtype.kind == "f":
        subnormal = int(((values != 0) & (np.abs(values) < np.finfo(values.dtype).tiny)).sum())
    learned = parameter and dtype not in ("int64", "bool", "string") and len(tensor.dims) > 0
    return Stored(tensor.name, dtype, (values.size * bits + 7) // 8, values.size, nonzero, learned, subnormal)


def _along(zero_points: Any, values: Any) -> Any:
    """Zero points in a shape that broadcasts to the weights': one for all, or one per channel."""
    import numpy as np

    flat = zero_points.astype(np.int64).reshape(-1)
    if flat.size == 0 or (flat == flat[0]).all():
        return int(flat[0]) if flat.size else 0
    axis = next((i for i, length in enumerate(values.shape) if length == flat.size), None)
    return 0 if axis is None else flat.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
