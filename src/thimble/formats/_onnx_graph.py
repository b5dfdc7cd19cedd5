"""An ONNX graph without its weights, and the shapes of its tensors at batch 1."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Shape = tuple[int, ...]
Shapes = dict[str, Shape]

SMALL = 4096
"""Constants of at most so many numbers are read: shapes are computed from them."""


class Unknown(Exception):
    """A shape that neither inference nor a run tells."""


def light_model(path: Path) -> Any:
    """The model with local functions inlined and large weights left out, only their shapes told."""
    import onnx
    from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

    model = onnx.load(str(path), load_external_data=False)
    for graph in graphs(model.graph):
        for tensor in graph.initializer:
            if math.prod(tensor.dims) > SMALL:
                bare = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
                tensor.CopyFrom(bare)
            elif uses_external_data(tensor):
                load_external_data_for_tensor(tensor, str(path.parent))
    return onnx.inliner.inline_local_functions(model) if model.functions else model


def graphs(graph: Any) -> Iterator[Any]:
    """A graph and those inside its loops and branches."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from graphs(inner)


def fix_batch(model: Any, shapes: dict[str, Shape] | None = None) -> None:
    """Give every free dimension of the inputs the size 1, or what ``shapes`` says."""
    constants = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name in constants:
            continue
        for i, dim in enumerate(value.type.tensor_type.shape.dim):
            if shapes and value.name in shapes:
                dim.dim_value = shapes[value.name][i]
            elif not dim.dim_value:
                dim.dim_value = 1


def inferred_shapes(model: Any) -> Shapes:
    """What ONNX's own shape inference finds, helped by computing what follows from known shapes; the rest is absent."""
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    shapes = _inferred(model)
    while _fold(model, shapes):
        shapes = _inferred(model)
    return shapes


def _inferred(model: Any) -> Shapes:
    import onnx

    done = onnx.shape_inference.infer_shapes(model, data_prop=True)
    found: Shapes = {}
    for graph in graphs(done.graph):
        for value in (*graph.input, *graph.output, *graph.value_info):
            dims = value.type.tensor_type.shape.dim
            if value.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
                found[value.name] = tuple(dim.dim_value for dim in dims)
        found |= {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    return found


def _fold(model: Any, shapes: Shapes) -> bool:
    """Replace small nodes of the main graph that follow from constants and known shapes by their values; whether any did."""
    import onnx

    graph = model.graph
    values = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer if math.prod(t.dims) <= SMALL}
    left = []
    for node in graph.node:
        found = _value_of(node, values, shapes)
        if found is None:
            left.append(node)
        else:
            values[node.output[0]] = found
            graph.initializer.append(onnx.numpy_helper.from_array(found, node.output[0]))
    folded = len(left) < len(graph.node)
    kept = [copy.deepcopy(node) for node in left]
    del graph.node[:]
    graph.node.extend(kept)
    return folded


def _value_of(node: Any, values: dict[str, Any], shapes: Shapes) -> Any:
    """The one small output of a node, or ``None`` where it doesn't follow."""
    import numpy as np
    from onnx.reference import ReferenceEvaluator

    if node.op_type == "Shape" and node.input[0] in shapes and not node.attribute:
        return np.array(shapes[node.input[0]], np.int64)
    names = [name for name in node.input if name]
    if len(node.output) != 1 or not all(name in values for name in names) or node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type.startswith("Random") or node.op_type.endswith("QuantizeLinear") or any(a.g.node for a in node.attribute):
        return None
    try:
        found = np.asarray(ReferenceEvaluator(node).run(None, {name: values[name] for name in names})[0])
    except Exception:  # an operator that the reference lacks: shapes behind it come from a run
        return None
    return found if found.size <= SMALL and found.dtype.kind in "biuf" else None


def shapes_by_running(path: Path, model: Any, names: list[str]) -> Shapes:
    """Shapes of some tensors of the main graph, from one run on zeros in ONNX Runtime."""
    import numpy as np
    import onnx

    inputs = {}
    constants = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name not in constants:
            kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            inputs[value.name] = np.zeros([dim.dim_value for dim in value.type.tensor_type.shape.dim], kind)
    return {name: np.shape(value) for name, value in values_by_running(path, inputs, names).items()}


def values_by_running(path: Path, inputs: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Some tensors of the main graph, from one run in ONNX Runtime with nothing fused. External data stay where they are."""
    import onnx
    import onnxruntime

    whole = onnx.load(str(path), load_external_data=False)
    known = {value.name for value in whole.graph.output}
    whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent.resolve()))
    session = onnxruntime.InferenceSession(whole.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(names, inputs), strict=True))
