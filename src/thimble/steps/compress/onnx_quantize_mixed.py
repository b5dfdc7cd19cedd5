"""ONNX Runtime's static quantization with the layers that suffer most from it kept in float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import Model
from thimble.core.settings import Number
from thimble.core.step import Context


@dataclass(frozen=True)
class OnnxQuantizeMixed:
    """`onnx_quantize_static` in its default types, with the ``keep`` most sensitive layers left in float.

    Which ones these are is taken from `onnx_rank_layers` where that went before, else found here in the same way. What
    stands between them and the next layers (activations, gates) stays in float with them.
    """

    keep: Number = 1
    method: str = "minmax"

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 4
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ("calibration", "seed", "processor")
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise BadInput(f"onnx_quantize_mixed: keep must be at least 1, not {self.keep}; onnx_quantize_static keeps none in float")

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the quantized file. Raises `NotApplicable` where nothing would be quantized."""
        from thimble.steps.compress._onnx_files import prepared
        from thimble.steps.compress._sensitivity import rank_layers
        from thimble.steps.compress._slimming import slim_file
        from thimble.steps.compress._surroundings import read_in_float, surroundings
        from thimble.steps.compress._tolerant import one_feed
        from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic

        ranking: dict[str, float] = model.notes.get("sensitivity_db") or rank_layers(model, context)
        if self.keep >= len(ranking):
            raise NotApplicable(f"keeping {self.keep} of {len(ranking)} layers in float leaves none to quantize")
        kept = tuple(sorted(ranking, key=lambda name: (ranking[name], name))[: self.keep])
        around = surroundings(prepared(model, context.scratch), kept)
        made = OnnxQuantizeStatic(method=self.method, skip=(*kept, *around)).quantized(model, context)
        read_in_float(made.folder / "model.onnx", {*kept, *around})
        slim_file(made.folder / "model.onnx", one_feed(model, context), context.threads)
        return made.becoming(made.payload, sensitivity_db=ranking, float_layers=list(kept))
