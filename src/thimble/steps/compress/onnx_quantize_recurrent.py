"""Recurrent layers with INT8 weights, where ONNX Runtime has an operator for them: LSTM."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.processor import int8_support
from thimble.core.step import Context

RECURRENT = ("LSTM", "GRU", "RNN")


@dataclass(frozen=True)
class OnnxQuantizeRecurrent:
    """Each LSTM becomes ONNX Runtime's DynamicQuantizeLSTM: signed weights per channel, activations quantized while it runs.

    It stands behind static quantization, which leaves recurrent layers in float, or alone. GRU and RNN stay in float: ONNX
    Runtime has no such operators for them. OpenVINO doesn't open the result. ``reduce_range`` keeps weights to 7 bits; ``None``
    does so exactly where the processor adds pairs of products in 16 bits.
    """

    reduce_range: bool | None = None

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 2
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ("processor",)
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the file. Raises `NotApplicable` where it has no LSTM, with the recurrent layers that it has."""
        from onnxruntime.quantization import QuantType, quantize_dynamic

        from thimble.steps.compress._onnx_files import chatter_off, counted, has_subgraphs, kinds_in
        from thimble.steps.compress._tolerant import tolerantly

        source, target = model.folder / "model.onnx", context.output / "model.onnx"
        kinds = kinds_in(source)
        if not kinds["LSTM"]:
            others = [f"{kinds[kind]} {kind}" for kind in RECURRENT if kinds[kind]]
            said = f"; ONNX Runtime has no 8-bit operator for its {' and '.join(others)}" if others else ""
            raise NotApplicable(f"the ONNX file has no LSTM{said}")
        saturates = int8_support(context.features) == "saturating"
        reduced = saturates if self.reduce_range is None else self.reduce_range

        def attempt(left: Collection[str], quick: bool) -> None:
            with chatter_off():
                quantize_dynamic(
                    str(source),
                    str(target),
                    op_types_to_quantize=["LSTM"],
                    per_channel=True,
                    reduce_range=reduced,
                    weight_type=QuantType.QInt8,
                    nodes_to_exclude=list(left),
                    extra_options={"EnableSubgraph": has_subgraphs(source)},
                )

        notes = tolerantly(source, target, model, context, attempt) | counted(target)
        made = kinds_in(target)["DynamicQuantizeLSTM"]
        if not made:
            raise NotApplicable("ONNX Runtime's quantization changed no LSTM of this file")
        return model.becoming(context.output, **notes, quantized_lstm=made, reduce_range=reduced)
