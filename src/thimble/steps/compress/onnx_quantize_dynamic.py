"""ONNX Runtime's dynamic quantization: INT8 weights, activations quantized while it runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context


@dataclass(frozen=True)
class OnnxQuantizeDynamic:
    """Weights become ``weights`` (``uint8`` or ``int8``), per tensor; no calibration data is needed.

    Convolutions become ConvInteger, which ONNX Runtime executes several times slower than FP32 with signed weights
    on x86; unsigned ones are the default for that reason.
    """

    weights: str = "uint8"

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 4
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"weights": ("uint8", "int8")}

    def __post_init__(self) -> None:
        if self.weights not in ("int8", "uint8"):
            raise BadInput(f"onnx_quantize_dynamic: weights must be 'int8' or 'uint8', not {self.weights!r}")

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the quantized file. Raises `NotApplicable` where there is nothing to quantize."""
        from onnxruntime.quantization import QuantType, quantize_dynamic

        from thimble.steps.compress._onnx_files import chatter_off, counted, has_subgraphs, prepared
        from thimble.steps.compress._slimming import slim_file
        from thimble.steps.compress._tolerant import one_feed, tolerantly

        source, target = prepared(model, context.scratch), context.output / "model.onnx"
        weights = QuantType.QUInt8 if self.weights == "uint8" else QuantType.QInt8

        def write(left: Collection[str], inside: bool) -> None:
            options = {"EnableSubgraph": inside}
            with chatter_off():
                quantize_dynamic(str(source), str(target), weight_type=weights, nodes_to_exclude=list(left), extra_options=options)

        def attempt(left: Collection[str], quick: bool) -> None:
            try:
                write(left, has_subgraphs(source))
            except Exception:  # weights of the main graph in a branch, for one: the branches then stay in float
                write(left, False)

        notes = tolerantly(source, target, model, context, attempt) | counted(target)
        if not notes["quantized_operators"]:
            raise NotApplicable("ONNX Runtime's dynamic quantization changed no operator of this file")
        slim_file(target, one_feed(model, context), context.threads)
        return model.becoming(context.output, **notes)
