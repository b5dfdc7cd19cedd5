"""PyTorch's compiled code: ``model.pt2`` that AOTInductor wrote. It holds a library, which runs as it is opened.

This file travels alone: it imports the standard library, NumPy and torch, the last one only when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar


class Aotinductor:
    """One library for the whole network, compiled for the processor that it was made on. Takes no options."""

    title: ClassVar[str] = "PyTorch AOTInductor"
    formats: ClassVar[tuple[str, ...]] = ("aotinductor",)
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"
    distribution: ClassVar[str] = "torch"

    def load(self, format: str = "aotinductor") -> None:
        """Import torch, and what loads its packages."""
        import torch._inductor.package  # noqa: F401

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> AotinductorSession:
        """A session of an archive; the caller has seen to it that its code may run."""
        import torch

        if options:
            raise ValueError(f"PyTorch AOTInductor takes no session options, got {', '.join(options)}")
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("highest")
        return AotinductorSession(torch._inductor.aoti_load_package(path), inputs, outputs)


class AotinductorSession:
    """A loaded library; its inputs are given by position, in the artifact's order.

    ``precision`` is the floating-point type that it was compiled to compute in, as the archive notes it.
    """

    def __init__(self, compiled: Any, inputs: list[str], outputs: list[str]) -> None:
        self.compiled, self.inputs, self.outputs = compiled, inputs, outputs
        self.precision = str(compiled.get_metadata().get("precision", ""))

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name."""
        results = _flat(self.bind(inputs)())
        if len(results) != len(self.outputs):
            raise ValueError(f"the library gives {len(results)} outputs, the artifact names {len(self.outputs)}")
        return {name: tensor.detach().contiguous().numpy() for name, tensor in zip(self.outputs, results, strict=True)}

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone, on inputs that are tensors already: what is timed."""
        import numpy as np
        import torch

        tensors = [torch.from_numpy(np.require(inputs[name], requirements=["C", "W"])) for name in self.inputs]
        compiled = self.compiled
        return lambda: compiled(*tensors)

    def close(self) -> None:
        """Let go of the library."""
        self.compiled = None


def _flat(result: Any) -> list[Any]:
    """The tensors of nested tuples, lists and dictionaries in order; ``None`` entries are dropped."""
    if isinstance(result, Mapping):
        return [tensor for part in result.values() for tensor in _flat(part)]
    if isinstance(result, tuple | list):
        return [tensor for part in result for tensor in _flat(part)]
    return [] if result is None else [result]
