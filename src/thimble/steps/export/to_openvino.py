"""Conversion to OpenVINO's own format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from thimble.core.model import Model
from thimble.core.step import Context


@dataclass(frozen=True)
class ToOpenvino:
    """Write ``model.xml`` and ``model.bin``, with a free batch. ``weights`` is the type that weights are stored in.

    ``float16`` halves the file; OpenVINO computes in FP32 all the same. OpenVINO opens ONNX files, too: what its own format
    saves is the conversion at each start.
    """

    weights: str = "float32"

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "openvino"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("export",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    helpful: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("openvino",)
    extra: ClassVar[str | None] = "openvino"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"weights": ("float32", "float16")}

    @property
    def agrees_db(self) -> float:
        """Decibels: rounding to FP16 leaves 60 to 70, unless weights are far from 1."""
        return 60.0 if self.weights == "float32" else 40.0

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `NotApplicable` where OpenVINO can't read the ONNX file."""
        from thimble.steps.export._openvino import read, written

        return written(read(model), model, context, half=self.weights == "float16")
