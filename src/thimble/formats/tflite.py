"""TensorFlow Lite files, read by the schema that comes with LiteRT."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.artifact import Artifact
from thimble.core.values import TensorSpec
from thimble.formats import Ends, Stored

if TYPE_CHECKING:
    from thimble.core.task import Arrays

TITLE = "a LiteRT file (TensorFlow Lite)"
SUFFIXES = (".tflite",)
BESIDE: tuple[str, ...] = ()


def tensors(path: Path) -> Iterator[Stored]:
    """Every tensor that has data, tied ones once."""
    import numpy as np

    model, names = _model(path)
    seen: set[int] = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is None or tensor.buffer in seen:
                continue
            seen.add(tensor.buffer)
            kind = names[tensor.type].lower()
            count = math.prod(map(int, tensor.shape)) if tensor.shape is not None else 1
            values = np.frombuffer(bytes(data), kind) if kind in ("float32", "float16", "int8", "uint8", "int32", "int64") else np.zeros(0)
            zero = _zero_point(tensor, values)
            nonzero = int(np.count_nonzero(values != zero)) if values.size == count else count
            subnormal = 0
            if values.dtype.kind == "f":
                subnormal = int(((values != 0) & (np.abs(values) < np.finfo(values.dtype).tiny)).sum())
            learned = count > 1 and kind not in ("int64", "bool", "string") and (kind != "int32" or _quantized(tensor))
            yield Stored(tensor.name.decode(), kind, len(data), count, nonzero, learned, subnormal)


def _model(path: Path) -> tuple[Any, dict[int, str]]:
    """The file as objects, and the names of its data types."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    return model, {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}


def _quantized(tensor: Any) -> bool:
    return tensor.quantization is not None and tensor.quantization.scale is not None


def _zero_point(tensor: Any, values: Any) -> int:
    """Return the integer that means zero; weights of several channels have 0."""
    points = tensor.quantization.zeroPoint if tensor.quantization is not None else None
    return int(points[0]) if points is not None and len(points) == 1 and values.dtype.kind in "iu" else 0


def macs(path: Path, artifact: Artifact) -> int:
    """Counted from the stored shapes, which are those of batch 1."""
    from ai_edge_litert import schema_py_generated as schema

    model, _ = _model(path)
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    total = 0
    for graph in model.subgraphs:
        shapes = [tuple(map(int, tensor.shape)) if tensor.shape is not None else () for tensor in graph.tensors]
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            total += _operator_macs(kinds.get(max(code.builtinCode, code.deprecatedBuiltinCode), ""), operator, shapes)
    return total


def operators(path: Path) -> tuple[str, ...]:
    """Every kind of operator in the file, as the schema names it, sorted."""
    from ai_edge_litert import schema_py_generated as schema

    model, _ = _model(path)
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    return tuple(sorted({kinds[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes}))


def _operator_macs(kind: str, operator: Any, shapes: list[tuple[int, ...]]) -> int:
    """Filters lie as (outputs, height, width, inputs), those of depthwise convolutions as (1, height, width, outputs)."""
    given: list[tuple[int, ...]] = [shapes[i] for i in operator.inputs if i >= 0]
    out: int = math.prod(shapes[operator.outputs[0]])
    if kind in ("CONV_2D", "CONV_3D", "FULLY_CONNECTED"):
        return out * math.prod(given[1][1:])
    if kind == "DEPTHWISE_CONV_2D":
        return out * math.prod(given[1][1:3])
    if kind == "TRANSPOSE_CONV":
        return math.prod(given[2]) * math.prod(given[1][:3])
    if kind == "BATCH_MATMUL":
        return out * given[0][-2 if operator.builtinOptions.adjX else -1]
    if kind in ("WHILE", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"):
        raise ValueError(f"{kind} multiplies in a loop; how often can't be told")
    return 0


def subnormal_activations(path: Path, inputs: Arrays) -> tuple[int, int]:
    """The interpreter reuses the memory of tensors inside the network."""
    raise NotImplementedError("LiteRT reuses the memory of tensors inside the network")


def ends(path: Path) -> Ends:
    """By the signature where the file has one, else by the tensors' own names."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    keys = list(interpreter.get_signature_list())
    if len(keys) == 1:
        runner = interpreter.get_signature_runner(keys[0])
        given, outputs = runner.get_input_details(), list(runner.get_output_details())
    else:
        given = {place["name"]: place for place in interpreter.get_input_details()}
        outputs = [place["name"] for place in interpreter.get_output_details()]
    return Ends(tuple(TensorSpec(name, _shape(place), _dtype(place)) for name, place in given.items()), tuple(outputs))


def _shape(place: Any) -> tuple[int | None, ...]:
    """The shape with free sizes as ``None``."""
    free = place.get("shape_signature", place["shape"])
    return tuple(int(size) if size > 0 else None for size in free)


def _dtype(place: Any) -> str:
    """Real numbers where the file states a scale: the interpreter's inputs are converted by it."""
    import numpy as np

    return "float32" if place["quantization"][0] else np.dtype(place["dtype"]).name
