"""Dynamic INT8 of a LiteRT file: weights in INT8, activations quantized while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.model import Model
from thimble.core.step import Context


@dataclass(frozen=True)
class LitertQuantizeDynamic:
    """Weights become INT8 with a scale for each channel; XNNPACK quantizes activations as it runs. No data are needed."""

    consumes: ClassVar[str] = "tflite"
    produces: ClassVar[str] = "tflite"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("ai_edge_quantizer", "ai_edge_litert")
    extra: ClassVar[str | None] = "litert-export"
    agrees_db: ClassVar[float] = 3.0

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the smaller file. Raises `NotApplicable` where nothing is quantized, `StepFailed` where the quantizer fails."""
        from thimble.steps.compress._litert import written

        return written(model, context, "dynamic_wi8_afp32", None)
