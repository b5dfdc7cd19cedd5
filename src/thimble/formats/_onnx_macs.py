"""MACs of single ONNX operators, from the shapes of their tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from thimble.formats._onnx_graph import Shapes

MatMuls = ("MatMul", "MatMulInteger", "QLinearMatMul", "FusedMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "Gemm", "QGemm")


def node_macs(node: Any, shapes: Shapes) -> int:
    """MACs of one node; 0 for operators that multiply nothing. Raises ``KeyError`` with a tensor's name whose shape is missing."""
    formula = FORMULAS.get(node.op_type)
    return formula(node, shapes) if formula else 0


def tensors_needed(node: Any) -> list[str]:
    """The tensors whose shapes a node's count is made of."""
    return [name for name in (*node.input, *node.output[:1]) if name] if node.op_type in FORMULAS else []


def _attribute(node: Any, name: str, default: Any) -> Any:
    import onnx

    return next((onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


def _convolution(weight: int) -> Callable[[Any, Shapes], int]:
    """Each output is a sum over the weights of one filter; input number ``weight`` holds them."""
    return lambda node, shapes: math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[weight]][1:])


def _transposed(node: Any, shapes: Shapes) -> int:
    """Each input is spread by the weights of one filter."""
    return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])


def _matmul(node: Any, shapes: Shapes) -> int:
    """Each output is a sum over the left one's last dimension, or its first where it is transposed."""
    left = shapes[node.input[0]]
    inner = left[-2] if _attribute(node, "transA", 0) and len(left) > 1 else left[-1]
    return math.prod(shapes[node.output[0]]) * inner


def _matmul_nbits(node: Any, shapes: Shapes) -> int:
    """Packed weights of few bits: the attributes hold their size."""
    return int(math.prod(shapes[node.input[0]][:-1]) * _attribute(node, "K", 0) * _attribute(node, "N", 0))


def _recurrent(node: Any, shapes: Shapes) -> int:
    """Every step of every sequence multiplies both weights of all directions; (steps, batch) or (batch, steps)."""
    x = shapes[node.input[0]]
    return x[0] * x[1] * (math.prod(shapes[node.input[1]]) + math.prod(shapes[node.input[2]]))


def _einsum(node: Any, shapes: Shapes) -> int:
    """The product of all dimensions that occur; of one tensor alone nothing is multiplied."""
    if len(node.input) < 2:
        return 0
    letters: dict[str, int] = {}
    terms = _attribute(node, "equation", b"").decode().replace(" ", "").partition("->")[0].split(",")
    for term, name in zip(terms, node.input, strict=True):
        shape = shapes[name]
        if "..." in term:
            before, _, after = term.partition("...")
            wild = [f"*{i}" for i in range(len(shape) - len(before) - len(after), 0, -1)]
            labels = [*before, *wild, *after]
        else:
            labels = list(term)
        for label, size in zip(labels, shape, strict=True):
            letters[label] = max(size, letters.get(label, 1))
    return math.prod(letters.values()) * (len(node.input) - 1)


def _attention(node: Any, shapes: Shapes) -> int:
    """ONNX's operator on queries, keys and values of shape (batch, heads, length, width) or (batch, length, heads x width)."""
    q, k, v = (shapes[name] for name in node.input[:3])
    if len(q) == 4:
        return math.prod(q[:3]) * k[2] * (q[3] + v[3])
    groups = _attribute(node, "q_num_heads", 1) / max(1, _attribute(node, "kv_num_heads", 1))
    return math.prod((q[0], q[1], k[1], q[2] + round(v[2] * groups)))


def _multi_head_attention(node: Any, shapes: Shapes) -> int:
    """ONNX Runtime's operator on queries, keys and values of shape (batch, length, width)."""
    q, k, v = (shapes[name] for name in node.input[:3])
    return q[0] * q[1] * k[1] * (q[2] + v[2])


def _projecting_attention(node: Any, shapes: Shapes) -> int:
    """ONNX Runtime's operator that projects its input to queries, keys and values first."""
    if node.domain != "com.microsoft":
        return _attention(node, shapes)
    x, weight = shapes[node.input[0]], shapes[node.input[1]]
    return x[0] * x[1] * (math.prod(weight) + 2 * x[1] * weight[1] // 3)


FORMULAS: dict[str, Callable[[Any, Shapes], int]] = {
    **dict.fromkeys(("Conv", "ConvInteger", "FusedConv", "NhwcConv"), _convolution(1)),
    "QLinearConv": _convolution(3),
    "ConvTranspose": _transposed,
    **dict.fromkeys(MatMuls, _matmul),
    "MatMulNBits": _matmul_nbits,
    **dict.fromkeys(("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM"), _recurrent),
    "Einsum": _einsum,
    **dict.fromkeys(("Attention", "QAttention"), _projecting_attention),
    "MultiHeadAttention": _multi_head_attention,
}
