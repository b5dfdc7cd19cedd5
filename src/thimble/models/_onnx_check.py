"""Read an ONNX file that nobody vouches for: what it says of its tensors is checked before any of them is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from thimble.core.errors import BadInput
from thimble.core.subgraphs import graphs_of
from thimble.core.values import listed
from thimble.fetch.archive import readable
from thimble.fetch.user_file import foreign

QUANTIZED = (
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "QLinearAdd", "QGemm",
    "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QAttention", "MatMulNBits",
)  # fmt: skip
"""Operators that only a quantized model has."""


def read_onnx(path: Path) -> tuple[Any, list[Path]]:
    """The model without its external data, and the files that hold it.

    Raises `BadInput` in one line for a file that is absent, truncated or no ONNX, for external data that is missing,
    shorter than said, of another length than its tensor, or outside the model's folder, and for what ``onnx.checker``
    finds.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if not path.is_file():
        raise BadInput(f"there is no model at {path}")
    try:
        with readable(path) as file:
            model = onnx.load(file, format="protobuf", load_external_data=False)
    except DecodeError as error:
        raise BadInput(f"{path} can't be read as ONNX; it is truncated or no model ({foreign(error)})") from error
    if not model.graph.node:
        raise BadInput(f"{path} can't be read as ONNX; it is truncated or no model (it has no operators)")
    files: dict[Path, None] = {}
    for tensor in _tensors(model):
        external = _check_tensor(tensor, path)
        if external is not None:
            files[external] = None
    try:
        onnx.checker.check_model(str(path))
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:  # its own; names that are no text; its C++ code's
        raise BadInput(f"{path} is not valid ONNX: {foreign(error)}") from error
    return model, list(files)


def quantized_operators(model: Any) -> dict[str, int]:
    """How many of each operator in `QUANTIZED` the model has."""
    counts: dict[str, int] = {}
    for graph in graphs_of(model.graph, *model.functions):
        for node in graph.node:
            if node.op_type in QUANTIZED:
                counts[node.op_type] = counts.get(node.op_type, 0) + 1
    return counts


RECURRENT = ("LSTM", "GRU", "RNN")


def operator_kinds(model: Any) -> Counter[str]:
    """How many operators of each type the model has, those inside others included."""
    return Counter(node.op_type for graph in graphs_of(model.graph, *model.functions) for node in graph.node)


def traits_of_kinds(kinds: Mapping[str, int]) -> frozenset[str]:
    """``recurrent`` where there is a recurrent layer; ``attention`` where softmaxes stand among more matrix products than convolutions.

    >>> sorted(traits_of_kinds({"LSTM": 2, "Conv": 9})), sorted(traits_of_kinds({"MatMul": 72, "Softmax": 12, "Conv": 1}))
    (['recurrent'], ['attention'])
    """
    products = kinds.get("MatMul", 0) + kinds.get("Gemm", 0)
    attention = kinds.get("Attention", 0) or (kinds.get("Softmax", 0) > 1 and products > 4 + 2 * kinds.get("Conv", 0))
    recurrent = any(kinds.get(kind, 0) for kind in RECURRENT)
    return frozenset(name for name, has in (("recurrent", recurrent), ("attention", attention)) if has)


def trains(model: Any) -> bool:
    """Return whether a batch normalisation or a dropout was exported in training mode."""
    for graph in graphs_of(model.graph, *model.functions):
        for node in graph.node:
            if node.op_type == "BatchNormalization" and any(a.name == "training_mode" and a.i for a in node.attribute):
                return True
    return False


def _tensors(model: Any) -> Iterator[Any]:
    for graph in graphs_of(model.graph, *model.functions):
        sparse = list(getattr(graph, "sparse_initializer", ()))
        yield from getattr(graph, "initializer", ())
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors
                sparse += [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
                sparse += attribute.sparse_tensors
        for one in sparse:
            yield one.values
            yield one.indices


def _check_tensor(tensor: Any, path: Path) -> Path | None:
    """The file that holds the tensor's data, ``None`` where the model does."""
    from onnx import TensorProto

    name = tensor.name or "an unnamed tensor"
    expected = _bytes_of(tensor, path)
    if tensor.data_location != TensorProto.EXTERNAL:
        if expected is not None and tensor.HasField("raw_data") and len(tensor.raw_data) != expected:
            raise BadInput(f"{path}: {name} has {len(tensor.raw_data)} bytes of data where its shape needs {expected}")
        return None
    entries = {entry.key: entry.value for entry in tensor.external_data}
    file = _inside(entries.get("location", ""), path, name)
    offset, length = (_number(entries.get(key), key, path, name) for key in ("offset", "length"))
    if expected is None:
        raise BadInput(f"{path}: {name} is of a type whose data can't be external")
    if length is not None and length != expected:
        raise BadInput(f"{path}: {name} says that it has {length} bytes in {file.name}, its shape needs {expected}")
    end, has = (offset or 0) + expected, file.stat().st_size
    if end > has:
        raise BadInput(f"{path}: {name} ends at byte {end} of {file.name}, which has {has}: the data is truncated or another model's")
    return file


def _inside(location: str, path: Path, name: str) -> Path:
    """The file of an external tensor; it must lie in the model's folder, links followed."""
    parts = PurePosixPath(location.replace("\\", "/"))
    file = path.parent / location
    outside = parts.is_absolute() or ".." in parts.parts or location[1:2] == ":"
    if not location or "\0" in location:
        raise BadInput(f"{path}: {name} keeps its data in a file and does not say which")
    if outside or not file.resolve().is_relative_to(path.parent.resolve()):
        raise BadInput(f"{path}: {name} points to {location!r}, outside the model's folder; it was not read")
    if not file.is_file():
        raise BadInput(f"{path} needs its data file {location!r} beside it, which is not there")
    if file.resolve() == path.resolve():
        raise BadInput(f"{path}: {name} names the model itself as its data file")
    return file


def _number(text: str | None, key: str, path: Path, name: str) -> int | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise BadInput(f"{path}: {name} has {key} {text!r} in its external data, which is not a number of bytes")
    return int(text)


def _bytes_of(tensor: Any, path: Path) -> int | None:
    """Bytes that the tensor's type and shape need; ``None`` for strings and types unknown here."""
    import math

    from onnx import TensorProto, helper

    if any(size < 0 for size in tensor.dims):
        raise BadInput(f"{path}: {tensor.name} has a negative size in its shape {listed(map(str, tensor.dims))}")
    count: int = math.prod(tensor.dims)
    type_name = TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in TensorProto.DataType.values() else ""
    bits = next((bits for ending, bits in (("INT4", 4), ("FLOAT4E2M1", 4), ("INT2", 2)) if type_name.endswith(ending)), None)
    if bits:
        return (count * bits + 7) // 8
    if type_name in ("", "UNDEFINED", "STRING"):
        return None
    return count * int(helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
