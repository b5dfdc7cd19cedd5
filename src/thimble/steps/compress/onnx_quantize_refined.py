"""ONNX Runtime's static quantization, refined: ranges by squared error, corrected biases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import BadInput
from thimble.core.model import Model
from thimble.core.settings import Samples
from thimble.core.step import Context

METHODS = ("ranges", "biases")


@dataclass(frozen=True)
class OnnxQuantizeRefined:
    """`onnx_quantize_static` in its default types, then the ``methods`` in their order, each kept where it makes the outputs truer.

    ``ranges`` narrows the activations' ranges to least squared error. ``biases`` folds each
    layer's mean error into its bias (Nagel et al. 2019, arXiv:1906.04721). Whether a method helps is seen on a quarter of the first
    ``samples`` calibration samples, from which it learns nothing. ``skip`` names operators that stay in float.
    """

    methods: tuple[str, ...] = METHODS
    samples: Samples = 128
    weights: str = "int8"
    skip: tuple[str, ...] = ()

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ("calibration", "seed", "processor")
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"weights": ("int8", "uint8")}

    def __post_init__(self) -> None:
        unknown = [name for name in self.methods if name not in METHODS]
        if unknown or not self.methods:
            given = repr(unknown[0]) if unknown else "none"
            raise BadInput(f"onnx_quantize_refined: methods must be some of {', '.join(METHODS)}, not {given}")

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the refined file; its note ``refined_db`` has the dB before and after each method.

        Raises `NotApplicable` where nothing can be quantized.
        """
        from thimble.steps.compress._onnx_files import prepared
        from thimble.steps.compress._refining import refine
        from thimble.steps.compress._slimming import slim_file
        from thimble.steps.compress._tolerant import one_feed
        from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic

        made = OnnxQuantizeStatic(weights=self.weights, skip=self.skip).quantized(model, context)
        target = made.folder / "model.onnx"
        notes = refine(self.methods, prepared(model, context.scratch), target, model, context, self.samples)
        slim_file(target, one_feed(model, context), context.threads)
        return made.becoming(made.payload, refined_db=notes)
