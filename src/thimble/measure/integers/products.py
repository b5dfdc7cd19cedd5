"""Products of 8-bit integers, added up as processors with and without VNNI do.

With it (or Arm's dot product) products add up in 32 bits. Without it ONNX Runtime on x86 multiplies unsigned
activations by signed weights with ``vpmaddubsw``: products of two neighbours along the reduced dimension are added in
16 bits, and what doesn't fit is cut to -32768 or 32767.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOW, HIGH = -(2**15), 2**15 - 1
EXACT = 512
"""So many products of 8-bit numbers add up exactly in float32, whose matrix products are fast."""


def product(a: NDArray[Any], b: NDArray[Any], saturating: bool) -> tuple[NDArray[np.int32], int]:
    """``a @ b`` of 8-bit matrices in 32 bits, and how many pairs were cut; without ``saturating`` none is.

    Only unsigned-by-signed products are cut: other combinations are computed in 16-bit steps that hold them.
    """
    total = np.zeros((len(a), b.shape[1]), np.int64)
    for start in range(0, a.shape[1], EXACT):
        part = slice(start, start + EXACT)
        total += (a[:, part].astype(np.float32) @ b[part].astype(np.float32)).astype(np.int64)
    cut = 0
    if saturating and a.dtype == np.uint8 and b.dtype == np.int8:
        cut = _cut_pairs(total, a, b)
    return total.astype(np.int32), cut


def _cut_pairs(total: NDArray[np.int64], a: NDArray[Any], b: NDArray[Any]) -> int:
    """Take from ``total`` what 16 bits don't hold of each pair; gives the number of such pairs."""
    count = 0
    for first, columns in risky_pairs(b, a.max(axis=0) if len(a) else np.zeros(a.shape[1], a.dtype)):
        left, right = a[:, first].astype(np.int32), a[:, first + 1].astype(np.int32)
        rows = np.flatnonzero(left + right > HIGH // 128)
        pairs = np.outer(left[rows], b[first, columns].astype(np.int32)) + np.outer(right[rows], b[first + 1, columns].astype(np.int32))
        excess = pairs - pairs.clip(LOW, HIGH)
        if excess.any():
            count += int(np.count_nonzero(excess))
            total[np.ix_(rows, columns)] -= excess
    return count


def risky_pairs(weights: NDArray[np.int8], largest: NDArray[Any] | None = None) -> list[tuple[int, NDArray[np.int64]]]:
    """Pairs of rows of weights that can overflow 16 bits: the first row of each, and the columns where they can.

    ``largest`` is the largest activation that meets each row; 255 where it isn't known.
    """
    rows = len(weights) // 2 * 2
    values = weights[:rows].astype(np.int32)
    limits = np.full(rows, 255, np.int32) if largest is None else largest[:rows].astype(np.int32)
    reach = values * limits[:, None]
    above = reach.clip(0, None)[0::2] + reach.clip(0, None)[1::2] > HIGH
    below = reach.clip(None, 0)[0::2] + reach.clip(None, 0)[1::2] < LOW
    risky = above | below
    return [(2 * int(pair), np.flatnonzero(risky[pair])) for pair in np.flatnonzero(risky.any(axis=1))]


def windows(x: NDArray[Any], kernel: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]) -> NDArray[Any]:
    """The patches of a padded ``(n, channels, ...)`` tensor as rows ``(n, positions, kernel positions x channels)``, channels innermost."""
    spatial = x.ndim - 2
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True))
    views = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(2, x.ndim)))
    steps = (slice(None), slice(None), *(slice(None, None, s) for s in strides), *(slice(None, None, d) for d in dilations))
    views = views[steps]
    order = (0, *range(2, 2 + spatial), *range(2 + spatial, 2 + 2 * spatial), 1)
    return np.ascontiguousarray(views.transpose(order)).reshape(len(x), -1, int(np.prod(kernel)) * x.shape[1])
