"""ONNX Runtime's static quantization: QDQ format, ranges from calibration data, types that the processor runs well."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import Model
from thimble.core.processor import int8_support
from thimble.core.step import Context

TYPES = ("int8", "uint8", "int16", "uint16")
METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
AT_ONCE = {"entropy": 4, "percentile": 4}
"""Samples whose activations are all kept until they are counted, by methods that need histograms."""


@dataclass(frozen=True)
class OnnxQuantizeStatic:
    """QDQ with ranges from the calibration split (``calibration='noise'`` for comparison).

    ``activations`` default to unsigned: with signed ones ONNX Runtime leaves convolutions before a residual sum
    unfused on x86. ``weights`` are signed and per channel. ``reduce_range`` keeps them to 7 bits; ``None`` does so
    exactly where the processor adds pairs of products in 16 bits (x86 without VNNI), which would saturate.
    ``skip`` names operators that stay in float.
    """

    activations: str = "uint8"
    weights: str = "int8"
    per_channel: bool = True
    reduce_range: bool | None = None
    method: str = "minmax"
    calibration: str = "data"
    skip: tuple[str, ...] = ()

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 6
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ("calibration", "seed", "processor")
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "activations": TYPES,
        "weights": TYPES,
        "method": tuple(METHODS),
        "calibration": ("data", "noise"),
    }

    def __post_init__(self) -> None:
        for name in ("activations", "weights"):
            if getattr(self, name) not in TYPES:
                raise BadInput(f"onnx_quantize_static: {name} must be one of {', '.join(TYPES)}, not {getattr(self, name)!r}")
        if self.method not in METHODS:
            raise BadInput(f"onnx_quantize_static: method must be one of {', '.join(METHODS)}, not {self.method!r}")

    def reduced_for(self, features: tuple[str, ...]) -> bool:
        """Return whether weights are kept to 7 bits for a processor with these instruction sets."""
        saturates = int8_support(features) == "saturating" and self.activations == "uint8" and self.weights == "int8"
        return saturates if self.reduce_range is None else self.reduce_range

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the quantized file, slimmed. Raises `NotApplicable` where nothing can be quantized."""
        from thimble.steps.compress._slimming import slim_file
        from thimble.steps.compress._tolerant import one_feed

        made = self.quantized(model, context)
        slim_file(made.folder / "model.onnx", one_feed(model, context), context.threads)
        return made

    def quantized(self, model: Model, context: Context) -> Model:
        """The folder of the file as the quantizer writes it, with the names of all operators. Raises what `apply` raises."""
        from thimble.steps.compress._calibration import BATCH
        from thimble.steps.compress._onnx_files import PER_CHANNEL_OPSET, counted, masking, opset_of, prepared
        from thimble.steps.compress._reader import Reader
        from thimble.steps.compress._tolerant import tolerantly

        source, target = prepared(model, context.scratch), context.output / "model.onnx"
        asked = _Asked(
            self,
            per_channel=self.per_channel and opset_of(source) >= PER_CHANNEL_OPSET,
            reduced=self.reduced_for(context.features),
            masked=[*masking(source), *model.notes.get("keep_float", ())],
        )
        samples = [0]

        def attempt(left: Collection[str], quick: bool) -> None:
            reader = Reader(model, context, self.calibration, 1 if quick else AT_ONCE.get(self.method, BATCH), 1 if quick else None)
            asked.write(source, target, reader, left, "minmax" if quick else self.method)
            samples[0] = reader.samples

        notes = tolerantly(source, target, model, context, attempt) | counted(target)
        if not notes["quantized_operators"]:
            raise NotApplicable("ONNX Runtime's static quantization changed no operator of this file")
        return model.becoming(context.output, **notes, reduce_range=asked.reduced, calibration_samples=samples[0])


@dataclass(frozen=True)
class _Asked:
    """The step's settings as ONNX Runtime's quantizer takes them for one file."""

    step: OnnxQuantizeStatic
    per_channel: bool
    reduced: bool
    masked: list[str]

    def write(self, source: Path, target: Path, reader: Any, left: Collection[str], method: str) -> None:
        """Quantize without the operators in ``left``; raises what the quantizer raises."""
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

        from thimble.steps.compress._onnx_files import chatter_off

        kinds = {name: getattr(QuantType, f"Q{'U' if name[0] == 'u' else ''}Int{name.lstrip('uint')}") for name in TYPES}
        with chatter_off():
            quantize_static(
                str(source),
                str(target),
                reader,
                quant_format=QuantFormat.QDQ,
                per_channel=self.per_channel,
                reduce_range=self.reduced,
                activation_type=kinds[self.step.activations],
                weight_type=kinds[self.step.weights],
                nodes_to_exclude=[*self.step.skip, *self.masked, *left],
                calibrate_method=getattr(CalibrationMethod, METHODS[method]),
                extra_options={"CalibStridedMinMax": 1},
            )
