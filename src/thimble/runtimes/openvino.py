"""OpenVINO on the processor: its own ``model.xml`` with ``model.bin``, and ONNX files.

This file travels alone: it imports the standard library, NumPy and openvino, the last one only when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar


class Openvino:
    """The CPU device with the hint for latency: one stream, as many threads as asked; real numbers stay in FP32.

    Options are OpenVINO's properties by their own names. ``INFERENCE_PRECISION_HINT=bf16`` asks for bfloat16, which OpenVINO would
    otherwise take by itself on processors that have it.
    """

    title: ClassVar[str] = "OpenVINO"
    formats: ClassVar[tuple[str, ...]] = ("openvino", "onnx")
    needs: ClassVar[tuple[str, ...]] = ("openvino",)
    extra: ClassVar[str | None] = "openvino"
    distribution: ClassVar[str] = "openvino"
    pinned: ClassVar[tuple[str, ...]] = ("openvino==2026.4.1", "nncf==3.4.0")
    pinned_mb: ClassVar[int] = 715

    def load(self, format: str = "openvino") -> None:
        """Import openvino and its CPU device, which the first model would otherwise pay for."""
        import openvino

        openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> OpenvinoSession:
        """A session of a ``.xml`` or ``.onnx`` file, compiled."""
        import openvino

        settings = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
        # On one core OpenVINO's own pinning lets each inference wait for another thread: 0.05 ms more (2026.4, a process pinned before).
        settings |= {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False, **options}

        def compiled(**more: Any) -> Any:
            return openvino.Core().compile_model(path, "CPU", {**settings, **more})

        return OpenvinoSession(compiled, inputs, outputs)


class OpenvinoSession:
    """A compiled model with one request. Names that it lacks are taken by position, in the artifact's order."""

    def __init__(self, compiled: Callable[..., Any], inputs: list[str], outputs: list[str]) -> None:
        model = compiled()
        self.compiled, self.request, self.precision = compiled, model.create_infer_request(), _precision(model)
        self.inputs = _matched(inputs, model.inputs, "inputs")
        self.outputs = _matched(outputs, model.outputs, "outputs")

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name."""
        self.bind(inputs)()
        return {name: self.request.get_tensor(port).data.copy() for name, port in self.outputs.items()}

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone, on inputs that the request holds already: what is timed."""
        import numpy as np
        import openvino

        for name, port in self.inputs.items():
            array = np.ascontiguousarray(inputs[name]) if inputs[name].ndim else inputs[name]
            self.request.set_tensor(port, openvino.Tensor(array, shared_memory=True))
        infer: Callable[[], Any] = self.request.infer
        return infer

    def operators(self, inputs: Mapping[str, Any]) -> dict[str, float]:
        """Milliseconds of one inference by operator type, from a second model that counts."""
        ours, self.request = self.request, self.compiled(PERF_COUNT=True).create_infer_request()
        try:
            infer = self.bind(inputs)
            infer()
            infer()
            found: dict[str, float] = {}
            for node in self.request.profiling_info:
                found[node.node_type] = found.get(node.node_type, 0.0) + node.real_time.total_seconds() * 1000
        finally:
            self.request = ours
        return {name: ms for name, ms in found.items() if ms > 0}

    def close(self) -> None:
        """Let go of the model."""
        self.request = None


PRECISIONS = {"f32": "float32", "bf16": "bfloat16", "f16": "float16", "f64": "float64"}
MULTIPLYING = ("Convolution", "Deconvolution", "FullyConnected", "MatMul", "RNNSeq", "RNNCell", "ScaledDotProductAttention")


def _precision(model: Any) -> str:
    """The floating-point types of the layers that multiply, from the compiled graph; of the hint where all are integers."""
    told = [op.get_rt_info() for op in model.get_runtime_model().get_ops()]
    found = {str(one["runtimePrecision"].value) for one in told if str(one["layerType"].value) in MULTIPLYING}
    floats = sorted(PRECISIONS[name] for name in found if name in PRECISIONS)
    hint = model.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return ", ".join(floats) or PRECISIONS.get(hint, hint)


def _matched(ours: list[str], ports: list[Any], what: str) -> dict[str, Any]:
    """The artifact's names to the model's ports: the same names where it has them, else by position."""
    named = {name: port for port in ports for name in port.get_names()}
    if set(ours) <= set(named):
        return {name: named[name] for name in ours}
    if len(ours) != len(ports):
        raise ValueError(f"the model has {len(ports)} {what}, the artifact names {', '.join(ours)}")
    return dict(zip(ours, ports, strict=True))
