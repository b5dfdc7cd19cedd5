"""What the quantizers of ONNX files share: the prepared input file, and the count of what became INT8."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import onnx

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import Model
from thimble.core.values import first_line

QUANTIZED = {"DynamicQuantizeLinear", "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"}
MASK = -1e4
"""The mildest number that transformers are masked with."""
CARRYING = {
    "Where",
    "Add",
    "Sub",
    "Mul",
    "Expand",
    "Reshape",
    "Unsqueeze",
    "Squeeze",
    "Slice",
    "Gather",
    "Concat",
    "Transpose",
    "Tile",
    "Identity",
}
HEAVY = ("Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "RNN")


def prepared(model: Model, scratch: Path) -> Path:
    """The model's file with shapes inferred and batch norms folded, ready to quantize.

    Raises `NotApplicable` for a file that is quantized already or has nothing to quantize.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source = model.folder / "model.onnx"
    kinds = Counter(node.op_type for node in onnx.load(str(source), load_external_data=False).graph.node)
    if QUANTIZED & set(kinds):
        raise NotApplicable(f"the ONNX file is quantized already ({', '.join(sorted(QUANTIZED & set(kinds)))})")
    if not any(kinds[kind] for kind in HEAVY):
        raise NotApplicable("the ONNX file has no convolution or matrix product to quantize")
    target = scratch / "prepared.onnx"
    target.parent.mkdir(parents=True, exist_ok=True)
    with chatter_off():
        for symbolic in (False, True):
            try:
                quant_pre_process(str(source), str(target), skip_symbolic_shape=not symbolic)
                return target
            except Exception as error:
                reason = error
    raise StepFailed(f"ONNX Runtime can't prepare this file for quantization: {first_line(reason)}") from reason


def masking(path: Path) -> list[str]:
    """Names of the operators through which a mask flows: minus infinity, or a number so large that nothing else counts.

    An 8-bit range that reaches there has no steps left for the scores that are masked, so these stay in float, from
    the constant to the operator that takes the mask in (a softmax).
    """
    graph = onnx.load(str(path), load_external_data=False).graph
    constants = {
        node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant" and node.attribute[0].HasField("t")
    }
    constants |= {tensor.name: tensor for tensor in graph.initializer if tensor.data_location != onnx.TensorProto.EXTERNAL}
    tainted = {name for name, tensor in constants.items() if _masks(tensor)}
    found = []
    for node in graph.node:  # in the order of execution
        if tainted.intersection(node.input):
            found.append(node.name)
            if node.op_type in CARRYING:
                tainted.update(node.output)
    return [name for name in found if name]


def _masks(tensor: onnx.TensorProto) -> bool:
    """Whether a constant holds a number that a mask adds."""
    import numpy as np

    if tensor.data_type not in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16):
        return False
    values = onnx.numpy_helper.to_array(tensor)
    return bool(values.size and np.min(values) <= MASK)


def counted(path: Path) -> dict[str, Any]:
    """How many heavy operators a quantized file has, and how many of them read quantized weights."""
    graph = onnx.load(str(path), load_external_data=False).graph
    made_by = {output: node.op_type for node in graph.node for output in node.output}
    integer = sum(
        node.op_type in ("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "DynamicQuantizeLSTM") for node in graph.node
    )
    heavy = [node for node in graph.node if node.op_type in HEAVY]
    fed = sum(len(node.input) > 1 and made_by.get(node.input[1]) == "DequantizeLinear" for node in heavy)
    return {"quantized_operators": integer + fed, "float_operators": len(heavy) - fed}


@contextlib.contextmanager
def chatter_off() -> Any:
    """Silence the quantizer's advice to run steps that were run."""
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
