"""What the quantizers of ONNX files share: the prepared input file, and the count of what became INT8."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import onnx

from thimble.base.errors import NotApplicable, StepFailed
from thimble.base.model import Model
from thimble.base.values import first_line

QUANTIZED = {"DynamicQuantizeLinear", "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"}
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
