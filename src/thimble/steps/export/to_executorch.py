"""Conversion to ExecuTorch's program, with XNNPACK for whatever it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.model import TORCH, Model
from thimble.core.step import Context, needing


@dataclass(frozen=True)
class ToExecutorch:
    """Write ``model.pte``: FP32, for one sample at a time. XNNPACK's partitioner takes the operators that it knows.

    The notes say how many operators are delegated to XNNPACK, and which ones ExecuTorch's portable kernels run, which are slow.
    """

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = "executorch"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("export",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    helpful: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("executorch", "torch")
    extra: ClassVar[str | None] = "executorch"
    agrees_db: ClassVar[float] = 60.0

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `NotApplicable` where the network can't be traced, `StepFailed` where it can't be lowered."""
        with needing("executorch"):
            import executorch.exir  # noqa: F401
        from thimble.steps.export._executorch import traced, write_program

        notes = write_program(traced(model.payload, model), context.output / "model.pte")
        return model.becoming(context.output, "executorch", **notes)
