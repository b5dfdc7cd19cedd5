"""ExecuTorch on the processor: ``model.pte``, with XNNPACK.

This file travels alone: it imports the standard library, NumPy, torch and executorch, the last ones only when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar


class Executorch:
    """The method ``forward`` in ExecuTorch's Python runtime. A program made for one sample runs a batch sample by sample.

    XNNPACK's thread pool belongs to the process: it gets as many threads as asked, and is asked how many it has. Takes no options.
    """

    title: ClassVar[str] = "ExecuTorch"
    formats: ClassVar[tuple[str, ...]] = ("executorch",)
    needs: ClassVar[tuple[str, ...]] = ("executorch", "torch")
    extra: ClassVar[str | None] = "executorch"
    distribution: ClassVar[str] = "executorch"
    pinned: ClassVar[tuple[str, ...]] = ("executorch==1.5.1", "torchao==0.18.0", "torch")
    pinned_mb: ClassVar[int] = 1625
    phones: ClassVar[bool] = True

    def load(self, format: str = "executorch") -> None:
        """Import ExecuTorch's runtime, and PyTorch, whose tensors it takes."""
        from executorch.extension.pybindings import portable_lib  # noqa: F401

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> ExecutorchSession:
        """A session of a ``.pte`` file; raises ``ValueError`` for options, and where the threads can't be had."""
        from executorch.extension.pybindings import portable_lib

        if options:
            raise ValueError(f"ExecuTorch takes no session options, got {', '.join(options)}")
        portable_lib._unsafe_reset_threadpool(threads)
        if portable_lib._threadpool_get_thread_count() != threads:
            raise ValueError(f"ExecuTorch has {portable_lib._threadpool_get_thread_count()} threads, but {threads} were requested")
        return ExecutorchSession(portable_lib._load_for_executorch(path), inputs, outputs)


class ExecutorchSession:
    """A loaded program; inputs and outputs go by position, in the artifact's order.

    ``precision`` is the floating-point type that FP32 numbers are multiplied in: XNNPACK computes FP32 programs in FP32 unless it is
    built to do otherwise, which the packages are not.
    """

    precision = "float32"

    def __init__(self, module: Any, inputs: list[str], outputs: list[str]) -> None:
        self.module, self.inputs, self.outputs = module, inputs, outputs
        meta = module.method_meta("forward")
        if meta.num_inputs() != len(inputs) or meta.num_outputs() != len(outputs):
            counts = f"{meta.num_inputs()} inputs and {meta.num_outputs()} outputs"
            raise ValueError(f"the program has {counts}, the artifact names {', '.join(inputs)} and {', '.join(outputs)}")
        self.single = all(tuple(meta.input_tensor_meta(i).sizes())[:1] == (1,) for i in range(len(inputs)))

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name."""
        import numpy as np

        samples = self.bind(inputs)()
        return {name: np.concatenate([np.atleast_1d(sample[i].numpy()) for sample in samples]) for i, name in enumerate(self.outputs)}

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone, on inputs that are tensors already: what is timed."""
        import numpy as np
        import torch

        tensors = [torch.from_numpy(np.require(inputs[name], requirements=["C", "W"])) for name in self.inputs]
        count = len(tensors[0]) if self.single else 1
        samples = [tuple(tensor[i : i + 1] for tensor in tensors) if count > 1 else tuple(tensors) for i in range(count)]
        forward = self.module.forward
        return lambda: [forward(sample) for sample in samples]

    def close(self) -> None:
        """Let go of the program."""
        self.module = None
