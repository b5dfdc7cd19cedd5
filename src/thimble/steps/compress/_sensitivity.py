"""How much each layer of an ONNX file suffers from INT8 by itself: the order in which layers are kept in float.

Two ways to rank are in use: quantize one layer at a time, or keep one at a time in float. The first is taken here:
its figures say something of one layer, whatever the others do. Only what the calibration split shows is used.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.task import Arrays
from thimble.steps.compress._calibration import calibration_batches
from thimble.steps.compress._onnx_files import HEAVY, prepared
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic

SAMPLES = 64
"""Calibration samples that every layer is tried on."""
MOST = 128
"""Where more operators than this read quantized values, only convolutions, matrix products and the like are ranked."""
HIGHEST_DB = 200.0


def rank_layers(model: Model, context: Context) -> dict[str, float]:
    """The signal-to-quantization-noise ratio of the first output, in dB, with one layer's weights and inputs in INT8.

    By the operator's name in the prepared file, the most sensitive first. Raises what static quantization raises.
    """
    scratch = context.scratch / "ranking"
    (whole := scratch / "int8").mkdir(parents=True, exist_ok=True)
    OnnxQuantizeStatic().quantized(model, replace(context, output=whole, scratch=scratch))
    source = onnx.load(str(prepared(model, scratch)))
    quantized = onnx.load(str(whole / "model.onnx"))
    layers = _layers(quantized)
    if not layers:
        raise NotApplicable("no operator of this file that static quantization changes has a name to rank it by")
    batches = list(calibration_batches(model, context, "data", SAMPLES))
    wanted = _first_outputs(source, batches, context.threads)
    found = {}
    for i, (name, node) in enumerate(layers.items()):
        context.progress(i / len(layers), f"layer {i + 1} of {len(layers)} in INT8 by itself")
        found[name] = _sqnr_db(wanted, _first_outputs(_alone(source, quantized, node), batches, context.threads))
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))


def _layers(quantized: Any) -> dict[str, Any]:
    """The named operators that read quantized values."""
    made_by = {output: node for node in quantized.graph.node for output in node.output}
    changed = [
        node
        for node in quantized.graph.node
        if node.name
        and node.op_type not in ("QuantizeLinear", "DequantizeLinear")
        and any((maker := made_by.get(name)) is not None and maker.op_type == "DequantizeLinear" for name in node.input)
    ]
    if len(changed) > MOST:
        changed = [node for node in changed if node.op_type in HEAVY]
    return {node.name: node for node in changed}


def _alone(source: Any, quantized: Any, node: Any) -> Any:
    """The float file with one operator's weights and inputs in INT8, as the quantized file has them."""
    made = onnx.ModelProto()
    made.CopyFrom(source)
    makers = {output: maker for maker in quantized.graph.node for output in maker.output}
    constants = {tensor.name: tensor for tensor in quantized.graph.initializer}
    place = next(i for i, other in enumerate(made.graph.node) if other.name == node.name)
    target, added = made.graph.node[place], []
    needed: set[str] = set()
    for k, name in enumerate(node.input):
        after = makers.get(name)
        if after is None or after.op_type != "DequantizeLinear" or k >= len(target.input):
            continue
        before = makers.get(after.input[0])
        chain = [after] if before is None else [before, after]
        for part in chain:
            copy = onnx.NodeProto()
            copy.CopyFrom(part)
            copy.name, copy.output[0] = f"{part.name}_of_{k}", f"{part.output[0]}_of_{k}"
            if part is before:
                copy.input[0] = target.input[k]
            elif before is not None:
                copy.input[0] = f"{before.output[0]}_of_{k}"
            needed.update(value for value in copy.input if value in constants)
            added.append(copy)
        target.input[k] = f"{after.output[0]}_of_{k}"
    present = {tensor.name for tensor in made.graph.initializer}
    made.graph.initializer.extend(constants[name] for name in sorted(needed - present))
    for copy in reversed(added):
        made.graph.node.insert(place, copy)
    known = {(opset.domain, opset.version) for opset in made.opset_import}
    made.opset_import.extend(opset for opset in quantized.opset_import if (opset.domain, opset.version) not in known)
    return made


def _first_outputs(file: Any, batches: list[Arrays], threads: int) -> list[Any]:
    """The first output for each batch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(file.SerializeToString(), options, providers=["CPUExecutionProvider"])
    first = session.get_outputs()[0].name
    return [session.run([first], batch)[0].astype(np.float64) for batch in batches]


def _sqnr_db(wanted: list[Any], given: list[Any]) -> float:
    signal = sum(float((one**2).sum()) for one in wanted)
    noise = sum(float(((one - other) ** 2).sum()) for one, other in zip(wanted, given, strict=True))
    if noise <= 0 or signal <= 0:
        return HIGHEST_DB if noise <= 0 else -HIGHEST_DB
    return round(min(HIGHEST_DB, 10 * float(np.log10(signal / noise))), 3)
