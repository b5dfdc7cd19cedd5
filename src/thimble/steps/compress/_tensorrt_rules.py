"""TensorRT's rules for explicit quantization, looked up in an ONNX file.

From NVIDIA's documentation of TensorRT 10, "Working with Quantized Types" and "Q/DQ Layer-Placement Recommendations":
INT8 is symmetric and signed (zero points are 0); scales are constant and above 0; activations have one scale for a tensor, weights
one for each output channel; inputs of what multiplies are quantized, its output is not where it is added to something or activated, since
that would keep TensorRT from fusing; and biases stay in float.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")
AXES = {"Conv": 0, "ConvTranspose": 1}
"""The axis of output channels in a convolution's weights; a matrix product's is its last, or the first of a transposed one."""
FUSED = ("Add", "Relu", "Clip", "BatchNormalization", "Sigmoid", "Mul", "LeakyRelu", "HardSwish")
"""What TensorRT fuses with the operator before it, unless numbers are quantized between them."""


def faults(path: Path) -> list[str]:
    """What of a file breaks TensorRT's rules, one sentence each; nothing where it keeps to them all."""
    import onnx

    return list(_Graph(onnx.load(str(path)).graph).faults())


class _Graph:
    """Nodes and constants of a graph by the names of tensors."""

    def __init__(self, graph: Any) -> None:
        from onnx import numpy_helper

        self.nodes = list(graph.node)
        self.values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.makers = {output: node for node in self.nodes for output in node.output}
        self.takers: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self.takers.setdefault(name, []).append(node)

    def faults(self) -> Iterator[str]:
        """All faults, in the order of the operators."""
        for node in self.nodes:
            if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
                yield from self._of_scale(node)
            elif node.op_type in HEAVY:
                yield from self._of_heavy(node)

    def _of_scale(self, node: Any) -> Iterator[str]:
        import numpy as np

        scale = self.values.get(node.input[1])
        if scale is None or not (scale > 0).all():
            yield f"{node.name}: its scale must be constant and above 0"
            return
        zero = self.values.get(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        if zero is not None and (zero.any() or zero.dtype != np.int8):
            yield f"{node.name}: INT8 must be signed, with a zero point of 0, and it is {zero.dtype} with {zero.reshape(-1)[0]}"
        source = self.makers.get(node.input[0])
        constant = node.input[0] in self.values or (source is not None and source.input[0] in self.values)
        if scale.size > 1 and not constant:
            yield f"{node.name}: activations must have one scale for the tensor, and it has {scale.size}"

    def _of_heavy(self, node: Any) -> Iterator[str]:
        sides: list[Any] = [self.makers.get(name) for name in node.input[:2]]
        quantized = [side is not None and side.op_type == "DequantizeLinear" for side in sides]
        if any(quantized) and not all(quantized):
            yield f"{node.name}: one of its inputs is quantized, and the other is not"
        if not all(quantized):
            return
        weights = sides[1]
        scale = self.values.get(weights.input[1])
        if node.op_type in AXES and scale is not None:
            axis = next((one.i for one in weights.attribute if one.name == "axis"), 1)
            if scale.size > 1 and axis != AXES[node.op_type]:
                yield f"{node.name}: its weights are quantized along axis {axis}, and output channels are axis {AXES[node.op_type]}"
        if len(node.input) > 2 and node.input[2] and node.input[2] not in self.values:
            yield f"{node.name}: its bias is quantized, and must stay in float"
        yield from self._of_output(node)

    def _of_output(self, node: Any) -> Iterator[str]:
        takers = self.takers.get(node.output[0], [])
        if len(takers) != 1 or takers[0].op_type != "QuantizeLinear":
            return
        back = self.takers.get(takers[0].output[0], [])
        behind = [taker.op_type for one in back for taker in self.takers.get(one.output[0], [])]
        if fused := sorted(set(behind) & set(FUSED)):
            yield f"{node.name}: its output is quantized before {', '.join(fused)}, which TensorRT then can't fuse with it"
