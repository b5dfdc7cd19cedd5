"""Rank an ONNX file's layers by how much each suffers from INT8; the file itself stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.model import Model
from thimble.core.step import Context


@dataclass(frozen=True)
class OnnxRankLayers:
    """Quantize one layer at a time and note what that does to the output, in dB, on the calibration split.

    Put before `onnx_quantize_mixed` it is done once, however many numbers of float layers are tried after it.
    """

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 2
    effects: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ("calibration", "seed", "processor")
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None

    def apply(self, model: Model, context: Context) -> Model:
        """The same file with the note ``sensitivity_db``. Raises `NotApplicable` where nothing can be quantized."""
        from thimble.steps.compress._sensitivity import rank_layers

        return model.becoming(model.payload, sensitivity_db=rank_layers(model, context))
