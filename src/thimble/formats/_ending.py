"""With which operator a network's outputs end: a sigmoid gives probabilities, a linear layer gives logits or values."""

from __future__ import annotations

from collections.abc import Callable, Iterable

SIGMOID, SOFTMAX, LOG_SOFTMAX, LINEAR = "sigmoid", "softmax", "log_softmax", "linear"

_ENDS = {
    **dict.fromkeys(("sigmoid", "hardsigmoid", "hard_sigmoid", "sigmoid_", "logistic", "qlinearsigmoid"), SIGMOID),
    **dict.fromkeys(("softmax", "_softmax", "qlinearsoftmax", "safe_softmax"), SOFTMAX),
    **dict.fromkeys(("logsoftmax", "log_softmax", "_log_softmax"), LOG_SOFTMAX),
    **dict.fromkeys(("linear", "addmm", "gemm", "matmul", "mm", "fullyconnected", "qgemm", "qlinearmatmul"), LINEAR),
    **dict.fromkeys(("matmulinteger", "matmulintegertofloat", "dynamicquantizematmul", "qlinearconv", "groupconvolution"), LINEAR),
    **dict.fromkeys(("conv", "conv1d", "conv2d", "convolution", "convtranspose"), LINEAR),
}
_SHAPING = ("reshape", "view", "flatten", "squeeze", "unsqueeze", "transpose", "permute", "t", "expand", "unsafeview", "reshapealias")
_PICKING = ("slice", "stridedslice", "gather", "select", "getitem", "resize", "interpolate", "upsample")
_COPYING = ("identity", "cast", "convert", "to", "_to_copy", "tocopy", "clone", "contiguous", "alias", "detach", "dropout", "result")
_SAME = frozenset((*_SHAPING, *_PICKING, *_COPYING, "quantizelinear", "dequantizelinear", "fakequantize"))
"""Operators that move numbers, or change their type, and leave their meaning."""
FARTHEST = 50


def ending(output: str, producer: Callable[[str], tuple[str, Iterable[str]] | None]) -> str | None:
    """Return `SIGMOID`, `SOFTMAX`, `LOG_SOFTMAX` or `LINEAR` for an output's name; ``None`` where the graph doesn't tell.

    ``producer`` gives, for a tensor's name, the operator that makes it and the names of what it takes; ``None`` for inputs and
    weights.
    """
    names = [output]
    for _ in range(FARTHEST):
        makers = [made for name in names if (made := producer(name)) is not None]
        if len(makers) != 1:  # an input, or a sum of two computed tensors
            return None
        kind, names = makers[0][0].lower(), list(makers[0][1])
        if kind in _ENDS:
            return _ENDS[kind]
        if kind not in _SAME and kind != "add":  # a bias may be added behind a matrix product
            return None
        names = names[:1] if kind in _SAME else names
    return None
