"""Conversion to LiteRT's file (TensorFlow Lite) with litert-torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import TORCH, Model, example_inputs
from thimble.core.step import Context, needing
from thimble.core.values import first_line


@dataclass(frozen=True)
class ToLitert:
    """Write ``model.tflite``: FP32, for one sample at a time, inputs laid out as PyTorch has them.

    It begins with a PyTorch network: no converter from ONNX files to LiteRT keeps to its promises (onnx2tf needs an environment of its
    own, and fetches a file while it converts).
    """

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = "tflite"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("export",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    helpful: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("litert_torch", "torch")
    extra: ClassVar[str | None] = "litert-export"
    agrees_db: ClassVar[float] = 60.0

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `NotApplicable` where the network can't be traced, `StepFailed` where it can't be converted."""
        import torch

        from thimble.steps.export._exporting import quiet

        with needing("litert-export"):
            import litert_torch
        example = example_inputs(model, 1)
        try:
            with quiet(), torch.no_grad():
                torch.export.export(model.payload, example)
        except Exception as error:  # the traced code raises whatever it likes
            raise NotApplicable(f"torch.export can't trace this model: {first_line(error)}") from error
        try:
            with quiet(), torch.no_grad():
                litert_torch.convert(model.payload.eval(), example).export(str(context.output / "model.tflite"))
        except Exception as error:  # the converter raises all kinds
            raise StepFailed(f"litert-torch can't convert this model: {first_line(error)}") from error
        single = tuple(replace(spec, shape=spec.with_batch(1)) for spec in model.inputs)
        return replace(model.becoming(context.output, "tflite"), inputs=single)
