"""ONNX Runtime's integer operators in NumPy: one function for each kind of node.

Every function takes the node's attributes and inputs (``None`` where one is absent) and whether pairs are cut, and gives
the output with the number of pairs that were cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from thimble.measure.integers.products import product, windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

Attributes = dict[str, Any]
Inputs = list[Any]
Result = tuple[Any, int]
ROWS = 8_000_000
"""Numbers of unfolded input that are held at a time."""


def qlinear_conv(attributes: Attributes, inputs: Inputs, saturating: bool) -> Result:
    """Convolution of quantized input to quantized output."""
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, *bias = inputs
    total, cut = _convolved(attributes, x, x_zero, w, w_zero, saturating)
    if bias and bias[0] is not None:
        total = total + _per_channel(bias[0], total.ndim)
    scale = _per_channel(np.float32(x_scale) * np.asarray(w_scale, np.float32) / np.float32(y_scale), total.ndim)
    return _requantized(total, scale, y_zero), cut


def conv_integer(attributes: Attributes, inputs: Inputs, saturating: bool) -> Result:
    """Convolution of quantized input to 32-bit sums. ONNX Runtime multiplies weights by inputs, and no pair is cut."""
    x, w, x_zero, w_zero = (*inputs, None, None)[:4]
    return _convolved(attributes, x, x_zero, w, w_zero, False)


def qlinear_matmul(attributes: Attributes, inputs: Inputs, saturating: bool) -> Result:
    """Matrix product of quantized input to quantized output."""
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = inputs
    total, cut = _multiplied(a, a_zero, b, b_zero, saturating)
    return _requantized(total, np.float32(a_scale) * np.asarray(b_scale, np.float32) / np.float32(y_scale), y_zero), cut


def matmul_integer(attributes: Attributes, inputs: Inputs, saturating: bool) -> Result:
    """Matrix product of quantized input to 32-bit sums."""
    a, b, a_zero, b_zero = (*inputs, None, None)[:4]
    return _multiplied(a, a_zero, b, b_zero, saturating)


def matmul_integer_to_float(attributes: Attributes, inputs: Inputs, saturating: bool) -> Result:
    """Matrix product of quantized input to float output."""
    a, b, a_scale, b_scale, a_zero, b_zero, bias = (*inputs, None, None, None)[:7]
    total, cut = _multiplied(a, a_zero, b, b_zero, saturating)
    found = total.astype(np.float32) * (np.float32(a_scale) * np.asarray(b_scale, np.float32))
    return (found if bias is None else found + bias), cut


def dynamic_quantize_matmul(attributes: Attributes, inputs: Inputs, saturating: bool) -> Result:
    """Matrix product of float input that is quantized to its own range first."""
    a, b, b_scale, b_zero, bias = (*inputs, None, None)[:5]
    low, high = np.float32(min(0.0, a.min())), np.float32(max(0.0, a.max()))
    scale = (high - low) / np.float32(255) if high > low else np.float32(1)
    zero = np.uint8(np.clip(np.rint(-low / scale), 0, 255))
    quantized = np.clip(np.rint(a / scale) + zero, 0, 255).astype(np.uint8)
    return matmul_integer_to_float({}, [quantized, b, scale, b_scale, zero, b_zero, bias], saturating)


def qgemm(attributes: Attributes, inputs: Inputs, saturating: bool) -> Result:
    """Matrix product with a bias in 32 bits, to quantized or float output."""
    a, a_scale, a_zero, b, b_scale, b_zero, bias, y_scale, y_zero = (*inputs, None, None, None)[:9]
    a, b = (a.T if attributes.get("transA") else a), (b.T if attributes.get("transB") else b)
    total, cut = _multiplied(a, a_zero, b, b_zero, saturating)
    total = total if bias is None else total + bias
    scale = np.float32(attributes.get("alpha", 1.0)) * np.float32(a_scale) * np.asarray(b_scale, np.float32)
    if y_scale is None:
        return total.astype(np.float32) * scale, cut
    return _requantized(total, scale / np.float32(y_scale), y_zero), cut


OPERATORS: dict[str, tuple[Callable[[Attributes, Inputs, bool], Result], int, int]] = {
    "QLinearConv": (qlinear_conv, 0, 3),
    "ConvInteger": (conv_integer, 0, 1),
    "QLinearMatMul": (qlinear_matmul, 0, 3),
    "MatMulInteger": (matmul_integer, 0, 1),
    "MatMulIntegerToFloat": (matmul_integer_to_float, 0, 1),
    "DynamicQuantizeMatMul": (dynamic_quantize_matmul, 0, 1),
    "QGemm": (qgemm, 0, 3),
}
"""The function for a kind of node, and which of its inputs are the activations and the weights."""


def _convolved(attributes: Attributes, x: Any, x_zero: Any, w: Any, w_zero: Any, saturating: bool) -> Result:
    """32-bit sums of a convolution, samples at a time; the zero points are taken off afterwards, as the kernels do."""
    spatial, groups = x.ndim - 2, attributes.get("group", 1)
    zero = x.dtype.type(0 if x_zero is None else x_zero)
    kernel, ones = w.shape[2:], [1] * spatial
    strides, dilations = (tuple(attributes.get(name) or ones) for name in ("strides", "dilations"))
    padded = np.pad(x, ((0, 0), (0, 0), *_padding(attributes, x.shape[2:], kernel, strides, dilations)), constant_values=zero)
    sizes = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(padded.shape[2:], kernel, strides, dilations, strict=True)]
    one = int(np.prod(sizes)) * w[0].size
    at_once = max(1, ROWS // one)
    saturating = saturating and not (w.shape[1] == 1 and len(w) == groups)  # depthwise kernels add up in 32 bits
    parts, cut = [], 0
    for start in range(0, len(x), at_once):
        sums = []
        for group, filters in enumerate(np.split(w, groups)):
            channels = slice(group * w.shape[1], (group + 1) * w.shape[1])
            rows = windows(padded[start : start + at_once, channels], kernel, strides, dilations)
            columns = np.moveaxis(filters, 1, -1).reshape(len(filters), -1).T
            zeros = None if w_zero is None or np.ndim(w_zero) == 0 or np.size(w_zero) == 1 else np.split(np.asarray(w_zero), groups)[group]
            found, more = _multiplied(rows.reshape(-1, rows.shape[-1]), zero, columns, w_zero if zeros is None else zeros, saturating)
            cut += more
            sums.append(found.reshape(len(rows), *sizes, -1))
        parts.append(np.moveaxis(np.concatenate(sums, axis=-1), -1, 1))
    return np.concatenate(parts), cut


def _padding(attributes: Attributes, sizes: Any, kernel: Any, strides: Any, dilations: Any) -> list[tuple[int, int]]:
    """Padding before and after in each spatial dimension."""
    spatial, mode = len(kernel), attributes.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", "VALID"):
        pads = (attributes.get("pads") if mode == "NOTSET" else None) or [0] * 2 * spatial
        return list(zip(pads[:spatial], pads[spatial:], strict=True))
    found = []
    for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
        total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
        less, more = total // 2, total - total // 2
        found.append((less, more) if mode == "SAME_UPPER" else (more, less))
    return found


def _multiplied(a: Any, a_zero: Any, b: Any, b_zero: Any, saturating: bool) -> Result:
    """32-bit sums of a matrix product, stacks of matrices included; the zero points are taken off afterwards."""
    if b.ndim > 2:
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        pairs = zip(
            np.broadcast_to(a, (*stack, *a.shape[-2:])).reshape(-1, *a.shape[-2:]),
            np.broadcast_to(b, (*stack, *b.shape[-2:])).reshape(-1, *b.shape[-2:]),
            strict=True,
        )
        each = [_multiplied(one, a_zero, other, b_zero, saturating) for one, other in pairs]
        return np.stack([found for found, _ in each]).reshape(*stack, a.shape[-2], b.shape[-1]), sum(cut for _, cut in each)
    rows = a.reshape(-1, a.shape[-1])
    total, cut = product(rows, b, saturating)
    a_zero, b_zero = (np.asarray(0 if z is None else z).astype(np.int32) for z in (a_zero, b_zero))
    if a_zero.any():
        total = total - a_zero * b.sum(axis=0, dtype=np.int32)
    if b_zero.any():
        total = total - (rows.astype(np.int32) - a_zero).sum(axis=1, keepdims=True) * b_zero
    return total.reshape(*a.shape[:-1], b.shape[1]), cut


def _requantized(total: NDArray[np.int32], scale: Any, zero: Any) -> NDArray[Any]:
    """32-bit sums in 8 bits: scaled in float32, rounded to even."""
    zero = np.asarray(0 if zero is None else zero)
    kind = zero.dtype if zero.dtype.kind in "iu" and zero.dtype.itemsize == 1 else np.dtype(np.uint8)
    limits = np.iinfo(kind)
    found: NDArray[Any] = (np.rint(total.astype(np.float32) * scale) + zero.astype(np.float32)).clip(limits.min, limits.max).astype(kind)
    return found


def _per_channel(values: Any, dimensions: int) -> Any:
    """One value, or one for each channel (the second of so many dimensions)."""
    values = np.asarray(values)
    return values.reshape(-1) if values.size == 1 else values.reshape(1, -1, *[1] * (dimensions - 2))
