"""Ranges of activations by mean squared error: where what clipping costs is what finer steps gain.

Only heavy work imports this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from thimble.core.task import Arrays
from thimble.steps.compress._bias_correction import Tell, told
from thimble.steps.compress._qdq import QdqFile

KEPT = 1 << 16
"""Numbers that are kept of each value, evenly spread over the samples."""
SHARES = np.linspace(1.0, 0.2, 81)
"""Shares of the whole range that are tried."""


def narrow_ranges(source: Path, target: Path, batches: Sequence[Arrays], threads: int, tell: Tell) -> None:
    """Narrow the activations' ranges in the quantized file ``target`` in place.

    Each range is the share of the smallest and largest number seen that makes the squared error of rounding and clipping smallest: both
    ends by one share first, then the upper and the lower one by themselves. Integer biases follow their inputs' scales.
    """
    file, floats = QdqFile.read(target), onnx.load(str(source))
    there = {name for node in floats.graph.node for name in node.output} | {value.name for value in floats.graph.input}
    groups = {scale: names for scale, names in file.activations().items() if set(names) <= there}
    biases = {layer.name: file.bias(layer) for layer in file.layers()}
    samples = _samples(floats, [name for names in groups.values() for name in names], batches, threads)
    for i, ((scale, zero), names) in enumerate(groups.items()):
        tell(i / len(groups), f"range {i + 1} of {len(groups)}")
        values = np.concatenate([samples[name] for name in names])
        kind = np.iinfo(file.array(zero).dtype)
        before = file.array(scale).item(), int(file.array(zero).item())
        after = best_range(values, before, kind.min, kind.max)
        if after != before:
            file.put(scale, np.full(file.array(scale).shape, after[0], np.float32))
            file.put(zero, np.full(file.array(zero).shape, after[1], file.array(zero).dtype))
    for layer in file.layers():
        if biases[layer.name] is not None:
            file.put_bias(layer, biases[layer.name])
    file.save(target)


def best_range(values: Any, given: tuple[float, int], low: int, high: int) -> tuple[float, int]:
    """The scale and zero point of least squared error on ``values``, among narrower ones than those ``given``."""
    scale, zero = given
    ends = ((low - zero) * scale, (high - zero) * scale)
    best = _error(values, *given, low, high), given, (1.0, 1.0)
    for step in ("both", "upper", "lower"):
        for share in SHARES:
            shares = {"both": (share, share), "upper": (best[2][0], share), "lower": (share, best[2][1])}[step]
            made = _grid(ends[0] * shares[0], ends[1] * shares[1], low, high)
            error = _error(values, *made, low, high)
            if error < best[0] * 0.999:
                best = error, made, shares
    return best[1]


def _grid(least: float, most: float, low: int, high: int) -> tuple[float, int]:
    least, most = min(least, 0.0), max(most, 0.0)
    scale = max((most - least) / (high - low), 1e-20)
    return float(np.float32(scale)), int(np.clip(round(low - least / scale), low, high))


def _error(values: Any, scale: float, zero: int, low: int, high: int) -> float:
    whole = np.clip(np.round(values / scale) + zero, low, high)
    return float(np.square((whole - zero) * scale - values).mean())


def _samples(model: Any, names: Sequence[str], batches: Sequence[Arrays], threads: int) -> dict[str, Any]:
    """Numbers of each value, at most `KEPT` of each."""
    rng = np.random.default_rng(0)
    kept: dict[str, list[Any]] = {name: [] for name in names}
    each = max(1, KEPT // len(batches))
    inputs = {value.name for value in model.graph.input}
    inner = [name for name in names if name not in inputs]
    for batch, arrays in zip(batches, told(model, inner, batches, threads), strict=True):
        for name, array in (*zip(inner, arrays, strict=True), *((name, batch[name]) for name in names if name in inputs)):
            flat = array.reshape(-1)
            kept[name].append(flat if flat.size <= each else flat[rng.integers(0, flat.size, each)])
    return {name: np.concatenate(parts).astype(np.float64) for name, parts in kept.items()}
