"""PyTorch, eager: exported programs (``model.pt2``) and TorchScript (``model.pt``), FX-quantized ones included.

This file travels alone: it imports the standard library, NumPy and torch, the last one only when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

PROFILED = 10
TYPES = {"float32": None, "tf32": None, "float16": "float16", "bfloat16": "bfloat16"}
"""What a GPU can compute in, and the type that automatic mixed precision then takes."""


class Pytorch:
    """Eager execution in inference mode: no graph compiler, one operator after another, as the model was written.

    Options: ``device`` (``cpu``, ``cuda``), and on the GPU ``precision``: ``float32`` (the default; PyTorch by itself lets convolutions
    round to TF32), ``tf32``, ``float16`` or ``bfloat16``, the last two by automatic mixed precision. Inputs lie on the GPU before the
    clock starts, and an inference ends when the GPU is done.
    """

    title: ClassVar[str] = "PyTorch"
    formats: ClassVar[tuple[str, ...]] = ("pt2", "torchscript")
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"
    distribution: ClassVar[str] = "torch"

    def load(self, format: str = "pt2") -> None:
        """Import torch, and for exported programs what reads them, which would otherwise count as the artifact's."""
        import torch  # noqa: F401

        if format == "pt2":
            from torch._export.serde import serialize  # noqa: F401
            from torch._inductor import sizevars  # noqa: F401
            from torch.export.pt2_archive import _package  # noqa: F401

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> PytorchSession:
        """A session of ``model.pt2`` or ``model.pt``; raises ``ValueError`` for an option it can't take, and for a GPU that isn't there."""
        import torch

        device, kind = _where(options)
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("high" if kind == "tf32" else "highest")
        torch.backends.cudnn.allow_tf32 = kind == "tf32"
        if torch.get_num_interop_threads() != 1:
            torch.set_num_interop_threads(1)
        if Path(path).suffix == ".pt2":
            session = PytorchSession(_program(path, device), inputs, outputs)
        else:
            module = torch.jit.load(path, map_location=device).eval()
            numbers = [str(one.type) in ("int", "float", "bool") for one in module.forward.schema.arguments[1:]]
            session = PytorchSession(module, inputs, outputs, numbers)
        if device == "cuda":
            session.use_gpu(kind)
        return session


class PytorchSession:
    """An opened module; its inputs are given by position, in the artifact's order.

    ``precision`` is the floating-point type that FP32 numbers are multiplied in.
    """

    def __init__(self, module: Any, inputs: list[str], outputs: list[str], numbers: list[bool] | None = None) -> None:
        self.module, self.inputs, self.outputs = module, inputs, outputs
        self.numbers, self.precision, self.device = numbers or [], _precision(), "cpu"
        self.mixed: Any = None

    def use_gpu(self, kind: str) -> None:
        """Use the GPU, which holds the module already, and compute there in ``kind``."""
        import torch

        self.device = "cuda"
        if TYPES[kind]:
            self.mixed, self.precision = getattr(torch, str(TYPES[kind])), kind
        elif torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32:
            self.precision = "tf32"

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name."""
        results = _flat(self.bind(inputs)())
        if len(results) != len(self.outputs):
            raise ValueError(f"the module gives {len(results)} outputs, the artifact names {len(self.outputs)}")
        if self.mixed is not None:  # mixed precision leaves outputs in its own type
            results = [one.float() if one.dtype == self.mixed else one for one in results]
        return {name: _array(tensor) for name, tensor in zip(self.outputs, results, strict=True)}

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone, on inputs that are converted already: what is timed."""
        import numpy as np
        import torch

        tensors: list[Any] = [torch.from_numpy(np.require(inputs[name], requirements=["C", "W"])) for name in self.inputs]
        numbers = [*self.numbers, *[False] * len(tensors)]
        tensors = [one.item() if number else one.to(self.device) for one, number in zip(tensors, numbers, strict=False)]
        module, mixed = self.module, self.mixed

        def infer() -> Any:
            with torch.inference_mode():
                return module(*tensors)

        def infer_on_gpu() -> Any:
            with torch.inference_mode(), torch.autocast("cuda", dtype=mixed, enabled=mixed is not None):
                results = module(*tensors)
            torch.cuda.synchronize()
            return results

        return infer if self.device == "cpu" else infer_on_gpu

    def operators(self, inputs: Mapping[str, Any]) -> dict[str, float]:
        """Milliseconds of one inference by operator, without what each calls: the mean of some under torch's profiler.

        On a GPU they are the GPU's own, from its events.
        """
        from torch.profiler import ProfilerActivity, profile

        infer = self.bind(inputs)
        infer()
        cpu = self.device == "cpu"
        with profile(activities=[ProfilerActivity.CPU, *([] if cpu else [ProfilerActivity.CUDA])]) as profiler:
            for _ in range(PROFILED):
                infer()
        field = "self_cpu_time_total" if cpu else "self_device_time_total"
        times = {event.key: getattr(event, field) / 1000 / PROFILED for event in profiler.key_averages()}
        return {name: ms for name, ms in times.items() if "::" in name and ms > 0}

    def close(self) -> None:
        """Let go of the module."""
        self.module = None


def _where(options: dict[str, str]) -> tuple[str, str]:
    """The device and what it computes in, as the options name them; raises ``ValueError`` for what isn't known or isn't there."""
    device, kind = options.get("device", "cpu"), options.get("precision", "float32")
    if set(options) - {"device", "precision"} or device not in ("cpu", "cuda") or kind not in TYPES:
        given = ", ".join(f"{name}={value}" for name, value in options.items())
        raise ValueError(f"PyTorch's options are device (cpu, cuda) and, on cuda, precision ({', '.join(TYPES)}), not {given}")
    if device == "cpu" and "precision" in options:
        raise ValueError("PyTorch's option precision needs device=cuda")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ValueError("device=cuda needs an NVIDIA GPU and a CUDA build of PyTorch, and PyTorch finds none")
    return device, kind


def _program(path: str, device: str) -> Any:
    """The module of an exported program, with what it holds on the device."""
    import torch

    program = torch.export.load(path)
    if device != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, device)
    return program.module()


def _precision() -> str:
    """The floating-point type that FP32 numbers are multiplied in, as torch tells it: oneDNN can be set to take bfloat16."""
    import torch

    parts = [getattr(torch.backends.mkldnn, name, None) for name in ("matmul", "conv")]
    told = {getattr(part, "fp32_precision", "ieee") for part in parts} - {"none", "ieee"}
    if torch.get_float32_matmul_precision() == "medium" or "bf16" in told:
        return "bfloat16"
    return ", ".join(sorted(map(str, told))) or "float32"


def _array(tensor: Any) -> Any:
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    name = str(tensor.dtype)
    return (tensor.float() if name == "torch.bfloat16" else tensor).detach().cpu().contiguous().numpy()


def _flat(result: Any) -> list[Any]:
    """The tensors of nested tuples, lists and dictionaries in order; ``None`` entries are dropped."""
    if isinstance(result, Mapping):
        return [tensor for part in result.values() for tensor in _flat(part)]
    if isinstance(result, tuple | list):
        return [tensor for part in result for tensor in _flat(part)]
    return [] if result is None else [result]
