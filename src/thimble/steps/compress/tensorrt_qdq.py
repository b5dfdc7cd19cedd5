"""Static INT8 for TensorRT: an ONNX file with explicit quantization by TensorRT's rules."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import Model
from thimble.core.settings import Samples
from thimble.core.step import Context
from thimble.core.values import listed

QUANTIZED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""What TensorRT runs in INT8; everything else is fused with it, or stays in float."""


@dataclass(frozen=True)
class TensorrtQdq:
    """QDQ as TensorRT wants it: signed and symmetric, weights per channel, biases in float, and nothing between operators that fuse.

    Numbers are quantized at the inputs of convolutions and matrix products alone. ``samples`` of the calibration split give the
    ranges. The file is looked through for TensorRT's rules before the step counts as done, and runs in ONNX Runtime, too, where it
    is slower than `onnx_quantize_static`'s. Rules: NVIDIA, "Working with Quantized Types" (TensorRT 10 documentation).
    """

    samples: Samples = 512

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None
    agrees_db: ClassVar[float] = 3.0
    """Below that, the error is half of the signal: a file that computes something else, not one that rounds."""

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `NotApplicable` where nothing is quantized, `StepFailed` where a rule is broken."""
        from thimble.steps.compress._calibration import BATCH
        from thimble.steps.compress._onnx_files import counted, prepared
        from thimble.steps.compress._reader import Reader
        from thimble.steps.compress._tensorrt_rules import faults
        from thimble.steps.compress._tolerant import tolerantly

        source, target = prepared(model, context.scratch), context.output / "model.onnx"
        seen = [0]

        def attempt(left: Collection[str], quick: bool) -> None:
            reader = Reader(model, context, "data", 1 if quick else BATCH, 1 if quick else self.samples)
            _write(source, target, reader, left)
            seen[0] = reader.samples

        notes = tolerantly(source, target, model, context, attempt) | counted(target)
        if not notes["quantized_operators"]:
            raise NotApplicable("no convolution or matrix product of this file can be quantized")
        if broken := faults(target):
            raise StepFailed(f"the file breaks TensorRT's rules: {listed(broken, 3)}")
        return model.becoming(context.output, **notes, calibration_samples=seen[0])


def _write(source: Path, target: Path, reader: Any, left: Collection[str]) -> None:
    """ONNX Runtime's quantizer with the options that keep to TensorRT's rules; raises what it raises."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    from thimble.steps.compress._onnx_files import chatter_off

    options = {
        "ActivationSymmetric": True,
        "WeightSymmetric": True,
        "AddQDQPairToWeight": True,
        "QuantizeBias": False,
        "DedicatedQDQPair": True,
        "OpTypesToExcludeOutputQuantization": list(QUANTIZED),
    }
    with chatter_off():
        quantize_static(
            str(source),
            str(target),
            reader,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTIZED),
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(left),
            calibrate_method=CalibrationMethod.MinMax,
            extra_options=options,
        )
