"""Fold into each layer's bias what its quantized outputs are off on average.

Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction" (arXiv:1906.04721), appendix D, empirical
bias correction: layer after layer, each with the earlier ones corrected. Only heavy work imports this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from thimble.core.task import Arrays
from thimble.steps.compress._qdq import BIASED, Layer, QdqFile

STAGES = 48
"""Rounds of correction at most: a longer network's neighbouring layers are corrected at once."""
Tell = Callable[[float, str], None]


def correct_biases(source: Path, target: Path, batches: Sequence[Arrays], threads: int, tell: Tell) -> None:
    """Correct the biases of the quantized file ``target`` in place by the float file ``source``.

    ``batches`` are calibration inputs, looked at several times. Layers are matched by their operators' names. Each
    round runs the quantized file once, up to the few layers that it corrects.
    """
    file, floats = QdqFile.read(target), onnx.load(str(source))
    outputs = {node.name: node.output[0] for node in floats.graph.node if node.name}
    layers = [layer for layer in file.layers() if layer.node.op_type in BIASED and layer.name in outputs]
    size = max(1, -(-len(layers) // STAGES))
    wanted = _channel_means(floats, [(outputs[layer.name], layer.channel_axis) for layer in layers], batches, threads)
    for start in range(0, len(layers), size):
        part = layers[start : start + size]
        tell(start / len(layers), f"bias {start + 1} of {len(layers)}")
        given = _channel_means(file.model, [(layer.node.output[0], layer.channel_axis) for layer in part], batches, threads)
        for layer, before, after in zip(part, wanted[start : start + size], given, strict=True):
            _move(file, layer, before - after)
    file.save(target)


def _move(file: QdqFile, layer: Layer, by: Any) -> None:
    bias = file.bias(layer)
    if bias is None and len(layer.node.input) > 2 and layer.node.input[2]:
        return
    file.put_bias(layer, by if bias is None else bias + by)


def _channel_means(model: Any, values: Sequence[tuple[str, int]], batches: Sequence[Arrays], threads: int) -> list[Any]:
    """The mean of each channel of each of these values, over all samples and places."""
    sums: list[Any] = [0.0] * len(values)
    counts = [0] * len(values)
    for arrays in told(model, [name for name, _ in values], batches, threads):
        for i, (array, (_, axis)) in enumerate(zip(arrays, values, strict=True)):
            flat = np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])
            sums[i], counts[i] = sums[i] + flat.sum(0, dtype=np.float64), counts[i] + len(flat)
    return [total / count for total, count in zip(sums, counts, strict=True)]


def told(model: Any, names: Sequence[str], batches: Sequence[Arrays], threads: int) -> Any:
    """For each batch the values of these names; nothing behind the last of them is computed."""
    import onnxruntime

    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.output[:], made.graph.value_info[:]
    made.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(names))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 4
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for batch in batches:
        yield session.run(list(names), batch)
