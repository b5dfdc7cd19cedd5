"""Take out of an ONNX file what no runtime needs: annotations, long names, duplicates, and integers where a float says the same.

Only heavy work imports this module.
"""

from __future__ import annotations

import string
import traceback
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from thimble.core.subgraphs import graphs_of
from thimble.core.task import Arrays
from thimble.steps.compress._onnx_files import HEAVY

LETTERS = string.ascii_letters + string.digits
BIASED = ("Conv", "ConvTranspose", "Gemm")
"""Operators whose third input is a bias."""
AGREES_DB = 60.0
"""Agreement of the outputs before and after; the INT8 files of the tests agree exactly."""
LARGEST = 1_900_000_000
"""Bytes of a file that is still looked at: protobuf reads 2 GiB at most."""
EXACT = 2**24
"""Whole numbers up to which FP32 holds each one."""


def strip(model: Any) -> None:
    """Remove notes: documentation, shape annotations, metadata, and operator sets and initializers that nothing uses."""
    for field in ("doc_string", "metadata_props", "training_info"):
        model.ClearField(field)
    for graph in graphs_of(model.graph):
        del graph.value_info[:], graph.quantization_annotation[:], graph.metadata_props[:]
        graph.ClearField("doc_string")
        for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
            part.ClearField("doc_string")
            del part.metadata_props[:]
    _drop_unread(model.graph)
    _drop_domains(model)


def slim(model: Any, float_biases: bool = True) -> None:
    """Make a file's graph as small as its numbers allow; it computes what it did.

    What `strip` removes; integer biases with their scales become the floats that they stand for (``float_biases``), which ONNX
    Runtime from 1.21 on quantizes as it opens the file; equal initializers become one; inner tensors get short names. The
    names of inputs, outputs and layers (convolutions, matrix products, recurrent layers) stay.
    """
    strip(model)
    if float_biases:
        _store_biases_as_floats(model.graph)
    _drop_unread(model.graph)
    _merge_equal(model.graph)
    _shorten(model)


def _read(graph: Any) -> set[str]:
    """Every name that an operator or an output reads, in a graph and those inside it."""
    parts = list(graphs_of(graph))
    names = {name for part in parts for node in part.node for name in node.input}
    return names | {value.name for part in parts for value in part.output}


def _drop_unread(graph: Any) -> None:
    """Remove operators and initializers whose results nothing reads."""
    while True:
        read, before = _read(graph), len(graph.node)
        kept = [node for node in graph.node if any(name in read for name in node.output)]
        if len(kept) == before:
            break
        del graph.node[:]
        graph.node.extend(kept)
    inputs = {value.name for value in graph.input}
    for part in graphs_of(graph):
        held = [tensor for tensor in part.initializer if tensor.name in read or tensor.name in inputs]
        if len(held) < len(part.initializer):
            del part.initializer[:]
            part.initializer.extend(held)


def _drop_domains(model: Any) -> None:
    """Remove operator sets of which the file holds no operator."""
    used = {node.domain for graph in graphs_of(model.graph) for node in graph.node} | {"", "ai.onnx"}
    used |= {node.domain for function in model.functions for node in function.node} | {function.domain for function in model.functions}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _held(graph: Any) -> dict[str, Any]:
    """Initializers of the outer graph that lie in the file itself and that no caller can replace."""
    outside = {value.name for value in (*graph.input, *graph.output)}
    stored = (tensor for tensor in graph.initializer if tensor.data_location != onnx.TensorProto.EXTERNAL)
    return {tensor.name: tensor for tensor in stored if tensor.name not in outside}


def _store_biases_as_floats(graph: Any) -> None:
    """Store FP32 in place of 32-bit integers, a scale and a zero point for each bias, where FP32 holds the integers exactly."""
    held, readers = _held(graph), Counter(name for part in graphs_of(graph) for node in part.node for name in node.input)
    made_by = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    for node in graph.node:
        source = made_by.get(node.input[2]) if node.op_type in BIASED and len(node.input) > 2 else None
        if source is None or readers[source.output[0]] > 1 or not set(source.input) <= held.keys():
            continue
        values, scale, *zero = (onnx.numpy_helper.to_array(held[name]) for name in source.input)
        if (
            values.dtype != np.int32
            or values.ndim != 1
            or np.abs(values.astype(np.int64)).max(initial=0) > EXACT
            or (zero and zero[0].any())
        ):
            continue
        name = f"{source.input[0]}_float"
        graph.initializer.append(onnx.numpy_helper.from_array((values.astype(np.float64) * scale).astype(np.float32), name))
        node.input[2] = name


def _merge_equal(graph: Any) -> None:
    """Keep one of several initializers that hold the same numbers."""
    held, other = _held(graph), {}
    first: dict[Any, str] = {}
    for name, tensor in held.items():
        array = onnx.numpy_helper.to_array(tensor)
        key = (tensor.data_type, tuple(tensor.dims), array.tobytes() if array.dtype != object else tensor.SerializeToString())
        kept = first.setdefault(key, name)
        if kept != name:
            other[name] = kept
    _rename(graph, other)
    left = [tensor for tensor in graph.initializer if tensor.name not in other]
    del graph.initializer[:]
    graph.initializer.extend(left)


def _rename(graph: Any, new: dict[str, str]) -> None:
    """Let operators of a graph and of those inside it read and write other names."""
    for part in graphs_of(graph):
        for node in part.node:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    if name in new:
                        names[i] = new[name]


def _shorten(model: Any) -> None:
    """Give inner tensors names of one to three letters, the shortest to those named most often; drop names of small operators."""
    graph = model.graph
    outside = {value.name for value in (*graph.input, *graph.output)}
    inner = list(graphs_of(graph))[1:]
    local = {value.name for part in inner for value in (*part.input, *part.output, *part.initializer)}
    fixed = outside | local | {name for part in inner for node in part.node for name in node.output}
    counts = Counter(name for part in (graph, *inner) for node in part.node for name in (*node.input, *node.output) if name)
    counts.update(tensor.name for tensor in graph.initializer)
    free = (name for name in _short_names() if name not in fixed)
    new = {name: next(free) for name, _ in counts.most_common() if name not in fixed}
    _rename(graph, new)
    for tensor in graph.initializer:
        tensor.name = new.get(tensor.name, tensor.name)
    for part in (graph, *inner):
        for node in part.node:
            if node.op_type not in HEAVY:
                node.ClearField("name")
    graph.name = "g"


def _short_names() -> Iterator[str]:
    """Every word over letters and digits, the shorter ones first."""
    words = [""]
    while True:
        words = [word + letter for word in words for letter in LETTERS]
        yield from words


def slim_file(path: Path, feeds: Arrays, threads: int = 1) -> dict[str, Any]:
    """Make an ONNX file small in place, in the smallest of the forms that ONNX Runtime executes as it executes the file given.

    Each form is opened and run on ``feeds``: its optimised graph must hold the same operators, and its outputs must agree to
    `AGREES_DB`. Gives the notes ``bytes_before`` and ``bytes_after``; nothing where no form stands the check.
    """
    before = path.stat().st_size
    if before > LARGEST:
        return {}
    aside = path.with_name(f"slim-{path.name}")
    try:
        wanted = _executed(path, feeds, threads)
        for change in (slim, partial(slim, float_biases=False), strip):
            model = onnx.load(str(path), load_external_data=False)
            change(model)
            onnx.save(model, str(aside))
            if aside.stat().st_size < before and _alike(wanted, _executed(aside, feeds, threads)):
                aside.replace(path)
                return {"bytes_before": before, "bytes_after": path.stat().st_size}
    except Exception:  # a file that ONNX Runtime doesn't run on these inputs is kept as it is: whoever opens it says why
        traceback.print_exc()
    finally:
        aside.unlink(missing_ok=True)
    return {}


def _executed(path: Path, feeds: Arrays, threads: int) -> tuple[Counter[str], list[Any]]:
    """The operators that ONNX Runtime executes for a file, counted, and the outputs."""
    import onnxruntime

    optimised = path.with_name(f"optimised-{path.name}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, threads
    options.optimized_model_filepath = str(optimised)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", f"optimised-{path.stem}.data")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(str(optimised), load_external_data=False).graph
    finally:
        for file in (optimised, path.with_name(f"optimised-{path.stem}.data")):
            file.unlink(missing_ok=True)
    return Counter(node.op_type for part in graphs_of(graph) for node in part.node), session.run(None, feeds)


def _alike(one: tuple[Counter[str], list[Any]], other: tuple[Counter[str], list[Any]]) -> bool:
    """Return whether two files are executed by the same operators and answer alike."""
    if one[0] != other[0] or len(one[1]) != len(other[1]):
        return False
    for wanted, given in zip(one[1], other[1], strict=True):
        if not isinstance(wanted, np.ndarray) or wanted.dtype.kind != "f":
            if repr(wanted) != repr(given) and not np.array_equal(wanted, given):
                return False
            continue
        signal, noise = (float(np.square(array, dtype=np.float64).sum()) for array in (wanted, given - wanted))
        if wanted.shape != given.shape or not noise <= signal / 10 ** (AGREES_DB / 10):
            return False
    return True
