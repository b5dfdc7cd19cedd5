"""The bytes of an ONNX file by what they are for."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

from thimble.formats._onnx_graph import graphs

BIASED = ("Conv", "ConvTranspose", "Gemm", "QLinearConv")
SCALED = ("QuantizeLinear", "DequantizeLinear")


def purposes(path: Path) -> dict[str, int]:
    """Bytes of a file and its external data, by purpose, the largest first; they add up to the files' sizes.

    ``weights``, ``biases``, ``scales``, ``zero points``, ``constants`` (shapes, paddings, ...): the numbers themselves.
    ``operators``: the graph without names. ``names``, ``shapes`` (of inner tensors), ``notes`` (documentation, metadata);
    ``rest``: headers and field lengths.
    """
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    found: Counter[str] = Counter()
    kinds = _kinds(model.graph)
    beside = 0
    for graph in graphs(model.graph):
        for tensor in graph.initializer:
            count = _bytes(tensor)
            found[kinds.get(tensor.name, "constants" if tensor.data_type in (6, 7, 9) or not tensor.dims else "weights")] += count
            found["names"] += len(tensor.name.encode())
            beside += count if tensor.data_location == onnx.TensorProto.EXTERNAL else 0
        for node in graph.node:
            _count_node(node, found)
        found["shapes"] += sum(value.ByteSize() for value in graph.value_info)
        found["notes"] += len(graph.doc_string.encode()) + sum(entry.ByteSize() for entry in graph.metadata_props)
    found["notes"] += len(model.doc_string.encode()) + sum(entry.ByteSize() for entry in model.metadata_props)
    found["rest"] = path.stat().st_size + beside - sum(found.values())
    return {name: count for name, count in found.most_common() if count}


def _count_node(node: Any, found: Counter[str]) -> None:
    """Add one operator's bytes: names, notes, numbers that it holds itself, and the rest of it."""
    names = sum(len(name.encode()) for name in (node.name, *node.input, *node.output))
    notes = len(node.doc_string.encode()) + sum(entry.ByteSize() for entry in node.metadata_props)
    held = sum(_bytes(attribute.t) for attribute in node.attribute if attribute.HasField("t"))
    inner = sum(graph.ByteSize() for attribute in node.attribute for graph in (attribute.g, *attribute.graphs))
    found["names"] += names
    found["notes"] += notes
    found["weights" if held > 256 else "constants"] += held
    found["operators"] += node.ByteSize() - names - notes - held - inner


def _kinds(graph: Any) -> dict[str, str]:
    """What stored tensors are, by how operators use them."""
    kinds: dict[str, str] = {}
    made_by = {name: node for part in graphs(graph) for node in part.node for name in node.output}
    for part in graphs(graph):
        for node in part.node:
            if node.op_type in SCALED:
                kinds |= dict(zip(node.input[1:3], ("scales", "zero points"), strict=False))
    for part in graphs(graph):
        for node in part.node:
            place = 8 if node.op_type == "QLinearConv" else 2
            if node.op_type in BIASED and len(node.input) > place:
                maker = made_by.get(node.input[place])
                kinds[maker.input[0] if maker is not None and maker.op_type in SCALED else node.input[place]] = "biases"
    return kinds


def _bytes(tensor: Any) -> int:
    """Bytes of a tensor's numbers."""
    import onnx

    if tensor.HasField("raw_data"):
        return len(tensor.raw_data)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        length = {entry.key: entry.value for entry in tensor.external_data}.get("length")
        return int(length) if length else math.prod(tensor.dims) * int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    bare = onnx.TensorProto()
    bare.CopyFrom(tensor)
    for field in ("name", "dims", "data_type", "doc_string"):
        bare.ClearField(field)
    return int(bare.ByteSize())
