"""ONNX Runtime's own file, which phones open without the parser of ONNX."""

from __future__ import annotations

from pathlib import Path

from thimble.core.values import TensorSpec
from thimble.formats import Ends

TITLE = "ONNX Runtime's own file"
SUFFIXES = (".ort",)
BESIDE: tuple[str, ...] = ()

DTYPES = {"float": "float32", "double": "float64"}


def ends(path: Path) -> Ends:
    """What ONNX Runtime says of the graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = []
    for node in session.get_inputs():
        kind = node.type.removeprefix("tensor(").removesuffix(")")
        shape = tuple(size if isinstance(size, int) and size > 0 else None for size in node.shape)
        inputs.append(TensorSpec(node.name, shape, DTYPES.get(kind, kind)))
    return Ends(tuple(inputs), tuple(node.name for node in session.get_outputs()))
