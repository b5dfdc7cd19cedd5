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
from thimble.core.subgraphs import graphs_of, subgraphs
from thimble.core.values import first_line

QUANTIZED = {"DynamicQuantizeLinear", "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"}
PER_CHANNEL_OPSET = 13
"""The first opset whose DequantizeLinear takes one scale per channel."""
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
INTEGER = ("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "DynamicQuantizeLSTM")
HEAVY = ("Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "RNN")


def prepared(model: Model, scratch: Path) -> Path:
    """The model's file with shapes inferred and batch norms folded, ready to quantize.

    Raises `NotApplicable` for a file that is quantized already or has nothing to quantize.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source = model.folder / "model.onnx"
    graph = onnx.load(str(source), load_external_data=False).graph
    kinds = Counter(node.op_type for one in graphs_of(graph) for node in one.node)
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
                return _ready(target)
            except Exception as error:
                reason = error
    raise StepFailed(f"ONNX Runtime can't prepare this file for quantization: {first_line(reason)}") from reason


def opset_of(path: Path) -> int:
    """The version of ONNX's own operators in a file."""
    entries = onnx.load(str(path), load_external_data=False).opset_import
    return max((int(entry.version) for entry in entries if entry.domain in ("", "ai.onnx")), default=1)


def _ready(path: Path) -> Path:
    """Names for operators without one, so that each can be left out; and Gemm's biases of 1 x N as N, which quantizers take."""
    model = onnx.load(str(path))
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    taken = {node.name for node in model.graph.node}
    changed = False
    for i, node in enumerate(model.graph.node):
        if not node.name:
            node.name, changed = next(name for name in (f"{node.op_type}_{i}{'_' * n}" for n in range(99)) if name not in taken), True
        bias = held.get(node.input[2]) if node.op_type == "Gemm" and len(node.input) > 2 else None
        if bias is not None and len(bias.dims) == 2 and bias.dims[0] == 1:
            flat = onnx.numpy_helper.to_array(bias).reshape(-1)
            bias.CopyFrom(onnx.numpy_helper.from_array(flat, bias.name))
            changed = True
    if changed:
        onnx.save(model, str(path))
    return path


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
    """Return whether a constant holds a number that a mask adds."""
    import numpy as np

    if tensor.data_type not in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16):
        return False
    values = onnx.numpy_helper.to_array(tensor)
    return bool(values.size and np.min(values) <= MASK)


def counted(path: Path) -> dict[str, Any]:
    """How many heavy operators a quantized file has, how many of them read quantized weights, and how many float ones
    stand inside If, Loop and Scan, where few tools look."""
    graph = onnx.load(str(path), load_external_data=False).graph
    integer, floats = _counted(graph, {})
    inner = [_counted(one, _makers(graph)) for one in graphs_of(*subgraphs(graph))]
    hidden = sum(count for _, count in inner)
    notes = {"quantized_operators": integer + sum(count for count, _ in inner), "float_operators": floats + hidden}
    return {**notes, "float_operators_in_subgraphs": hidden} if hidden else notes


def kinds_in(path: Path) -> Counter[str]:
    """How many operators of each type a file has, those inside If, Loop and Scan included."""
    graph = onnx.load(str(path), load_external_data=False).graph
    return Counter(node.op_type for one in graphs_of(graph) for node in one.node)


def has_subgraphs(path: Path) -> bool:
    """Return whether an operator holds a graph: a branch or a loop's body."""
    return any(True for _ in subgraphs(onnx.load(str(path), load_external_data=False).graph))


def put_in_order(path: Path) -> None:
    """Sort the operators of a file so that each follows what it reads, also from inside If, Loop and Scan; name every domain in use.

    ONNX Runtime's quantizer looks into no inner graph when it sorts, and when it lists domains; ONNX Runtime opens such a file,
    onnx's checker refuses it. A file without inner graphs stays as it is.
    """
    import onnx_ir
    from onnx_ir.passes import common

    if not has_subgraphs(path):
        return
    model = onnx_ir.to_proto(common.TopologicalSortPass()(onnx_ir.from_proto(onnx.load(str(path)))).model)
    domains = {node.domain for graph in graphs_of(model.graph) for node in graph.node}
    for domain in sorted(domains - {entry.domain for entry in model.opset_import} - {"", "ai.onnx"}):
        model.opset_import.add(domain=domain, version=1)
    onnx.save(model, str(path))


def _counted(graph: Any, outer: dict[str, str]) -> tuple[int, int]:
    """Quantized and float heavy operators of one graph."""
    made_by = outer | _makers(graph)
    integer = sum(node.op_type in INTEGER for node in graph.node)
    heavy = [node for node in graph.node if node.op_type in HEAVY]
    fed = sum(len(node.input) > 1 and made_by.get(node.input[1]) == "DequantizeLinear" for node in heavy)
    return integer + fed, len(heavy) - fed


def _makers(graph: Any) -> dict[str, str]:
    return {output: node.op_type for node in graph.node for output in node.output}


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
