"""PyTorch, eager: exported programs (``model.pt2``) and TorchScript (``model.pt``), FX-quantized ones included.

This file travels alone: it imports the standard library, NumPy and torch, the last one only when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

PROFILED = 10


class Pytorch:
    """Eager execution in inference mode: no graph compiler, one operator after another, as the model was written."""

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
        """A session of ``model.pt2`` or ``model.pt``; takes no options."""
        import torch

        if options:
            raise ValueError(f"PyTorch takes no session options, got {', '.join(options)}")
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("highest")
        if torch.get_num_interop_threads() != 1:
            torch.set_num_interop_threads(1)
        exported = Path(path).suffix == ".pt2"
        if exported:
            return PytorchSession(torch.export.load(path).module(), inputs, outputs)
        module = torch.jit.load(path, map_location="cpu").eval()
        numbers = [str(one.type) in ("int", "float", "bool") for one in module.forward.schema.arguments[1:]]
        return PytorchSession(module, inputs, outputs, numbers)


class PytorchSession:
    """An opened module; its inputs are given by position, in the artifact's order.

    ``precision`` is the floating-point type that FP32 numbers are multiplied in.
    """

    def __init__(self, module: Any, inputs: list[str], outputs: list[str], numbers: list[bool] | None = None) -> None:
        self.module, self.inputs, self.outputs = module, inputs, outputs
        self.numbers, self.precision = numbers or [], _precision()

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name."""
        results = _flat(self.bind(inputs)())
        if len(results) != len(self.outputs):
            raise ValueError(f"the module gives {len(results)} outputs, the artifact names {len(self.outputs)}")
        return {name: _array(tensor) for name, tensor in zip(self.outputs, results, strict=True)}

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone, on inputs that are converted already: what is timed."""
        import numpy as np
        import torch

        tensors: list[Any] = [torch.from_numpy(np.require(inputs[name], requirements=["C", "W"])) for name in self.inputs]
        for i, number in enumerate(self.numbers[: len(tensors)]):
            tensors[i] = tensors[i].item() if number else tensors[i]
        module = self.module

        def infer() -> Any:
            with torch.inference_mode():
                return module(*tensors)

        return infer

    def operators(self, inputs: Mapping[str, Any]) -> dict[str, float]:
        """Milliseconds of one inference by operator, without what each calls: the mean of some under torch's profiler."""
        from torch.profiler import ProfilerActivity, profile

        infer = self.bind(inputs)
        infer()
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            for _ in range(PROFILED):
                infer()
        times = {event.key: event.self_cpu_time_total / 1000 / PROFILED for event in profiler.key_averages()}
        return {name: ms for name, ms in times.items() if "::" in name and ms > 0}

    def close(self) -> None:
        """Let go of the module."""
        self.module = None


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
