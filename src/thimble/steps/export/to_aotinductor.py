"""Compilation with AOTInductor: one library for the whole network."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import TORCH, Model
from thimble.core.processor import features
from thimble.core.step import Context
from thimble.core.values import first_line


@dataclass(frozen=True)
class ToAotinductor:
    """Write ``model.pt2`` with compiled code for this processor. ``precision`` is what it computes in: ``float32`` or ``bfloat16``.

    Weights are constants while it compiles (``freezing``), and threads are those of the run. It needs a C++ compiler. In bfloat16,
    inputs and outputs stay FP32. Native code runs with the user's rights: it is opened only where the user's own store compiled it.
    """

    precision: str = "float32"

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = "aotinductor"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("export",)
    uses: ClassVar[tuple[str, ...]] = ("calibration", "processor")
    helpful: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"precision": ("float32", "bfloat16")}

    @property
    def agrees_db(self) -> float:
        """Decibels: bfloat16 keeps 8 bits of a number, and rounds at every layer."""
        return 60.0 if self.precision == "float32" else 10.0

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `NotApplicable` without a compiler, for another processor, or where the network can't be traced."""
        import torch

        from thimble.steps.export._exporting import export_program, quiet

        if shutil.which(os.environ.get("CXX", "g++")) is None:
            raise NotApplicable(f"AOTInductor needs a C++ compiler, and {os.environ.get('CXX', 'g++')} is not there")
        if set(context.features) != set(features()):
            raise NotApplicable("AOTInductor compiles for the processor that it runs on, and the target has another one")
        network = model if self.precision == "float32" else model.becoming(_halved(model.payload))
        program, made = export_program(network)
        path = context.output / "model.pt2"
        before, os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.environ.get("TORCHINDUCTOR_CACHE_DIR"), str(context.scratch / "inductor")
        try:
            with quiet(), torch.no_grad():
                settings = {"cpp.dynamic_threads": True, "freezing": True, "aot_inductor.metadata": {"precision": self.precision}}
                torch._inductor.aoti_compile_and_package(program, package_path=str(path), inductor_configs=settings)
        except Exception as error:  # the compiler raises all kinds
            raise StepFailed(f"AOTInductor can't compile this network: {first_line(error)}") from error
        finally:
            shutil.rmtree(context.scratch / "inductor", ignore_errors=True)
            del os.environ["TORCHINDUCTOR_CACHE_DIR"]
            if before is not None:
                os.environ["TORCHINDUCTOR_CACHE_DIR"] = before
        return replace(model, inputs=made.inputs).becoming(context.output, "aotinductor", precision=self.precision)


def _halved(network: Any) -> Any:
    """A copy of the network that computes in bfloat16, and takes and gives FP32."""
    import torch
    from torch import nn
    from torch.utils import _pytree as pytree

    def cast(value: Any, dtype: Any) -> Any:
        return value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    class Halved(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = copy.deepcopy(network).to(torch.bfloat16)

        def forward(self, *inputs: Any) -> Any:
            results = self.network(*(cast(value, torch.bfloat16) for value in inputs))
            return pytree.tree_map(lambda value: cast(value, torch.float32), results)

    return Halved().eval()
