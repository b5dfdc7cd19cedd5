"""Whether the ranges that calibration found are those of the inputs at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.subject import Subject

if TYPE_CHECKING:
    from thimble.core.task import Arrays

SAMPLES = 16
"""Of the inputs at most so many are run, as every tensor inside is kept."""


class Ranges:
    """For every quantized activation: how many values lie beyond its range, and how much of the range is used.

    Only real inputs say something here, so it is left out unless asked for. ``input`` are the graph's own inputs, whose
    range is that of the preprocessed data that it was calibrated on; ``inside`` all others, those that lose most
    first, ten at most. Each has ``low``, ``high``, ``clipped`` and ``used`` (shares from 0 to 1). ``tensors`` is their number,
    ``clipped`` the share of all values inside.
    """

    title: ClassVar[str] = "ranges of activations"
    slow: ClassVar[bool] = True

    def observe(self, subject: Subject, inputs: Arrays) -> dict[str, Any]:
        """The shares; or ``not available`` and why."""
        import onnx

        from thimble.core.values import first_line
        from thimble.formats._onnx_graph import values_by_running

        if subject.artifact.format != "onnx":
            return {"not available": "only ONNX files show their ranges"}
        path = subject.folder / subject.artifact.main
        model = onnx.load(str(path), load_external_data=False)
        nodes = _quantized(model.graph)
        if not nodes:
            return {"not available": "the file holds no quantized activation with a range of its own"}
        names = [value.name for value in model.graph.input if value.name not in {t.name for t in model.graph.initializer}]
        given = {name: array[:SAMPLES] for name, array in zip(names, inputs.values(), strict=False)}
        wanted = [name for name in nodes if name not in given]
        try:
            values = {**given, **values_by_running(path, given, wanted)}
        except Exception as error:
            return {"not available": f"the file can't be run without optimisations: {first_line(error)}"}
        found = {name: _shares(values[name], *limits) for name, limits in nodes.items()}
        inside = sorted((name for name in found if name not in given), key=lambda name: -found[name]["clipped"])
        sizes = {name: values[name].size for name in inside}
        lost = sum(found[name]["clipped"] * sizes[name] for name in inside)
        return {
            "input": {name: found[name] for name in found if name in given},
            "inside": {name: found[name] for name in inside[:10]},
            "tensors": len(inside),
            "clipped": lost / max(1, sum(sizes.values())),
        }


def _quantized(graph: Any) -> dict[str, tuple[float, float]]:
    """Each quantized activation of the main graph with the lowest and highest value that its range holds."""
    import numpy as np
    import onnx

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    found = {}
    for node in graph.node:
        if node.op_type != "QuantizeLinear" or node.input[0] in tensors or not set(node.input[1:3]) <= tensors.keys():
            continue
        scale = onnx.numpy_helper.to_array(tensors[node.input[1]])
        zero = onnx.numpy_helper.to_array(tensors[node.input[2]]) if len(node.input) > 2 else np.array(0, np.uint8)
        if scale.size == 1 and zero.dtype.kind in "iu":
            limits = np.iinfo(zero.dtype)
            found[node.input[0]] = (float(scale) * (limits.min - int(zero)), float(scale) * (limits.max - int(zero)))
    return found


def _shares(values: Any, low: float, high: float) -> dict[str, float]:
    """How many values lie over half a step beyond the range, and how much of it they span.

    Ranges that begin at 0 or end at 6 stand for ReLU and ReLU6, which quantizers leave to the range: what those cut
    off is no loss.
    """
    half = (high - low) / 510
    below = (values < low - half) & (low != 0)
    above = (values > high + half) & (abs(high - 6) > 0.05)
    beyond = float((below | above).mean()) if values.size else 0.0
    span = (min(high, float(values.max())) - max(low, float(values.min()))) / (high - low) if values.size and high > low else 0.0
    return {"low": low, "high": high, "clipped": beyond, "used": max(0.0, span)}
