"""Which layers of a quantized ONNX file cost the most: each one quantized by itself, all others in float."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thimble.measure.outputs import sqnr_db

if TYPE_CHECKING:
    from thimble.core.task import Arrays

HEAVY = ("Conv", "ConvTranspose", "MatMul", "Gemm")


def sensitivity_db(path: Path, original: Path | None, batches: list[Arrays], threads: int, seconds: float) -> dict[str, float]:
    """The signal-to-noise ratio of the first output with one layer's inputs and weights as the file quantizes them, in dB.

    Only files in QDQ form show their layers; others give nothing. ``original`` is the float file, in which the weights
    are found by the names of tensors, else of layers: without it, and for weights that a converter changed, only the inputs' part
    is seen. The worst come first. Stops after ``seconds``, with the layers that were tried until then.
    """
    import onnx

    quantized = _Quantized(onnx.load(str(path)))
    if not quantized.layers:
        return {}
    quantized.remove(_float_weights(original) if original else {})
    wanted = _outputs(quantized.plain, batches, threads)
    signal = sum(float((w**2).sum()) for w in wanted)
    found: dict[str, float] = {}
    until = time.monotonic() + seconds
    for node in quantized.layers:
        got = _outputs(quantized.with_one(node), batches, threads)
        noise = sum(float(((w - g) ** 2).sum()) for w, g in zip(wanted, got, strict=True))
        found[node.name or node.output[0]] = round(sqnr_db(signal, noise), 2)
        if time.monotonic() > until:
            break
    return dict(sorted(found.items(), key=lambda item: item[1]))


class _Quantized:
    """A QDQ file, and after `remove` its form in float, into which one layer's quantization can be put back."""

    def __init__(self, model: Any) -> None:
        self.model, self.plain = model, model
        self.made_by = {name: node for node in model.graph.node for name in node.output}
        self.tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        self.weighted = {n.input[1]: n.name for n in model.graph.node if n.op_type in HEAVY and len(n.input) > 1}
        self.layers = [n for n in model.graph.node if n.op_type in HEAVY and any(self._dequantizing(name) for name in n.input[:2])]

    def remove(self, floats: dict[str, Any]) -> None:
        """Make ``plain``: weights in float, activations as they were before they were quantized."""
        import onnx

        made = onnx.ModelProto()
        made.CopyFrom(self.model)
        del made.graph.node[:]
        for node in self.model.graph.node:
            if node.op_type == "QuantizeLinear" and node.input[0] not in self.tensors:
                made.graph.node.append(self._before(node, made))
            elif node.op_type == "DequantizeLinear" and node.input[0] in self.tensors:
                real = self._weights(node, floats)
                made.graph.initializer.append(onnx.numpy_helper.from_array(real, node.output[0]))
            elif node.op_type == "DequantizeLinear":
                made.graph.node.append(onnx.helper.make_node("Identity", [node.input[0]], list(node.output)))
            else:
                made.graph.node.append(node)
        self.plain = made

    def with_one(self, layer: Any) -> Any:
        """The float form with the quantization of one layer's inputs and weights."""
        import onnx

        made = onnx.ModelProto()
        made.CopyFrom(self.plain)
        place = next(i for i, node in enumerate(made.graph.node) if node.output[0] == layer.output[0])
        target, added = made.graph.node[place], []
        for i, name in enumerate(layer.input):
            after = self._dequantizing(name)
            if after is None:
                continue
            before = self.made_by.get(after.input[0])
            back, source = onnx.NodeProto(), after.input[0]
            if before is not None:
                forth = onnx.NodeProto()
                forth.CopyFrom(before)
                forth.output[0] = source = f"{before.output[0]}_{i}_again"
                added.append(forth)
            back.CopyFrom(after)
            back.input[0], back.output[0] = source, f"{name}_{i}_again"
            added.append(back)
            target.input[i] = back.output[0]
        for node in reversed(added):
            made.graph.node.insert(place, node)
        return made

    def _dequantizing(self, name: str) -> Any:
        """The node that dequantizes into a tensor, or ``None``."""
        node = self.made_by.get(name)
        return node if node is not None and node.op_type == "DequantizeLinear" else None

    def _before(self, node: Any, made: Any) -> Any:
        """Return the float form of a quantization: nothing, or the ReLU or ReLU6 that the quantizer replaced by its range."""
        import onnx

        known = set(node.input[1:3]) <= self.tensors.keys()
        scale, *zeros = [onnx.numpy_helper.to_array(self.tensors[name]) for name in node.input[1:3]] if known else [np.float32(1)]
        zero = zeros[0] if zeros else np.array(0, np.uint8)
        if not known or int(zero.flat[0]) != np.iinfo(zero.dtype).min:
            return onnx.helper.make_node("Identity", [node.input[0]], list(node.output))
        high = float(scale.flat[0]) * (np.iinfo(zero.dtype).max - int(zero.flat[0]))
        ends = [f"{node.output[0]}_low", f"{node.output[0]}_high"]
        made.graph.initializer.extend(onnx.numpy_helper.from_array(np.float32(v), n) for n, v in zip(ends, (0, high), strict=True))
        return onnx.helper.make_node("Clip", [node.input[0], *ends], list(node.output))

    def _weights(self, node: Any, floats: dict[str, Any]) -> Any:
        """Weights in float: the original ones where their layer or they are known by name, else what the integers stand for."""
        import onnx

        values, scale, *zeros = (onnx.numpy_helper.to_array(self.tensors[name]) for name in node.input)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        shape = [-1 if scale.size > 1 and i == axis % values.ndim else 1 for i in range(values.ndim)]
        zero = zeros[0].astype(np.float32).reshape(shape) if zeros else np.float32(0)
        stored = np.asarray((values.astype(np.float32) - zero) * scale.reshape(shape), np.float32).reshape(values.shape)
        named = floats.get(node.input[0].removesuffix("_quantized"))
        if named is not None and named.shape == stored.shape:
            return named
        real = floats.get(self.weighted.get(node.output[0], ""))
        alike = real is not None and real.shape == stored.shape and 10 * np.square(real - stored).sum() <= np.square(real).sum()
        return real if alike else stored  # a converter may have changed the weights of a layer and kept its name


def _float_weights(path: Path) -> dict[str, Any]:
    """FP32 weights of a file by their own names, and by the names of the layers that read them."""
    import onnx

    graph = onnx.load(str(path)).graph
    known = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT}
    layers = (node for node in graph.node if node.op_type in HEAVY and node.name and len(node.input) > 1)
    return {**known, **{node.name: known[node.input[1]] for node in layers if node.input[1] in known}}


def _outputs(model: Any, batches: list[Arrays], threads: int) -> list[Any]:
    """The first output for each batch."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = threads, 4
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    names, first = [value.name for value in session.get_inputs()], session.get_outputs()[0].name
    return [session.run([first], dict(zip(names, batch.values(), strict=True)))[0].astype(np.float64) for batch in batches]
