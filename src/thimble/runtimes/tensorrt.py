"""TensorRT on an NVIDIA GPU: an engine built from ``model.onnx``. Written by its documentation; nobody has run it yet.

This file travels alone: it imports the standard library, NumPy, torch and tensorrt, the last ones only when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar


class Tensorrt:
    """An engine for one batch size, built when it is opened: with explicit quantization, or in FP32.

    Options: ``precision`` (``fp32``, ``fp16``), ``batch`` (the largest batch, 1 by default). An inference ends when the GPU is done. Not
    run by its authors: TensorRT needs an NVIDIA GPU.
    """

    title: ClassVar[str] = "TensorRT"
    formats: ClassVar[tuple[str, ...]] = ("onnx",)
    needs: ClassVar[tuple[str, ...]] = ("tensorrt", "torch")
    extra: ClassVar[str | None] = "tensorrt"
    distribution: ClassVar[str] = "tensorrt"

    def load(self, format: str = "onnx") -> None:
        """Import tensorrt, and torch, which holds the tensors on the GPU; raises ``ValueError`` without a GPU."""
        import tensorrt  # noqa: F401
        import torch

        if not torch.cuda.is_available():
            raise ValueError("TensorRT needs an NVIDIA GPU, and PyTorch finds none")

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> TensorrtSession:
        """A session of a ``.onnx`` file; raises ``ValueError`` for an option that it hasn't, and for a file that TensorRT can't take."""
        import tensorrt as trt

        precision, batch = options.get("precision", "fp32"), options.get("batch", "1")
        if unknown := set(options) - {"precision", "batch"} or {precision} - {"fp32", "fp16"}:
            raise ValueError(f"TensorRT's options are precision (fp32, fp16) and batch, not {', '.join(sorted(unknown))}")
        log = trt.Logger(trt.Logger.ERROR)
        builder = trt.Builder(log)
        network = builder.create_network(0)
        parser = trt.OnnxParser(network, log)
        if not parser.parse_from_file(str(Path(path).resolve())):
            raise ValueError(f"TensorRT can't read {path}: {parser.get_error(0).desc()}")
        config = builder.create_builder_config()
        config.clear_flag(trt.BuilderFlag.TF32)
        quantized = any(network.get_layer(i).type == trt.LayerType.QUANTIZE for i in range(network.num_layers))
        if quantized and hasattr(trt.BuilderFlag, "INT8"):
            config.set_flag(trt.BuilderFlag.INT8)
        if precision == "fp16":
            config.set_flag(trt.BuilderFlag.FP16)
        config.add_optimization_profile(_profile(builder, network, int(batch)))
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise ValueError(f"TensorRT can't build an engine of {path}")
        engine = trt.Runtime(log).deserialize_cuda_engine(plan)
        session = TensorrtSession(engine, inputs, outputs)
        session.precision = "float16" if precision == "fp16" else "float32"
        return session


def _profile(builder: Any, network: Any, batch: int) -> Any:
    """Sizes that the engine is built for: free ones are the batch."""
    profile = builder.create_optimization_profile()
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        least, most = (tuple(size if other < 0 else other for other in tensor.shape) for size in (1, batch))
        profile.set_shape(tensor.name, least, most, most)
    return profile


class TensorrtSession:
    """An engine with one context. Names that it lacks are taken by position, in the artifact's order.

    ``precision`` is the floating-point type that its layers may compute in; TF32 is off.
    """

    precision = "float32"

    def __init__(self, engine: Any, inputs: list[str], outputs: list[str]) -> None:
        import tensorrt as trt

        self.engine, self.context = engine, engine.create_execution_context()
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        taken = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self.inputs = _matched(inputs, taken, "inputs")
        self.outputs = _matched(outputs, [name for name in names if name not in taken], "outputs")
        self.held: dict[str, Any] = {}

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name, copied from the GPU."""
        self.bind(inputs)()
        return {ours: self.held[theirs].cpu().numpy() for ours, theirs in self.outputs.items()}

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone, on inputs that lie on the GPU already, until the GPU is done: what is timed."""
        import numpy as np
        import torch

        for ours, theirs in self.inputs.items():
            self.held[theirs] = torch.from_numpy(np.require(inputs[ours], requirements=["C", "W"])).cuda()
            self.context.set_input_shape(theirs, tuple(self.held[theirs].shape))
            self.context.set_tensor_address(theirs, self.held[theirs].data_ptr())
        for theirs in self.outputs.values():
            self.held[theirs] = torch.empty(tuple(self.context.get_tensor_shape(theirs)), device="cuda")
            self.context.set_tensor_address(theirs, self.held[theirs].data_ptr())
        stream = torch.cuda.Stream()

        def infer() -> None:
            if not self.context.execute_async_v3(stream.cuda_stream):
                raise ValueError("TensorRT could not run this inference")
            stream.synchronize()

        return infer

    def close(self) -> None:
        """Let go of the engine."""
        self.context = self.engine = None
        self.held = {}


def _matched(ours: list[str], theirs: list[str], what: str) -> dict[str, str]:
    """The artifact's names to the engine's: the same names where it has them, else by position."""
    if set(ours) <= set(theirs):
        return {name: name for name in ours}
    if len(ours) != len(theirs):
        raise ValueError(f"the engine's {what} are {', '.join(theirs)}, the artifact names {', '.join(ours)}")
    return dict(zip(ours, theirs, strict=True))
