"""Conversion to Core ML's ML program, for iPhones, iPads and Macs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import TORCH, Model, example_inputs
from thimble.core.settings import Bits
from thimble.core.step import Context, needing
from thimble.core.values import first_line

PACKAGE = "model.mlpackage"
WEIGHTS = ("float32", "float16", "int8", "palettized")


@dataclass(frozen=True)
class ToCoreml:
    """Write ``model.mlpackage`` for iOS 16 and macOS 13 on, for one sample at a time.

    ``weights`` says how weights are stored: ``float32`` and ``float16`` (which is then also computed in), ``int8`` with a scale for each
    channel, or ``palettized``: indices of ``bits`` bits into a table of k-means centres. Integers and palettes are computed in FP16.
    It converts on any system. Core ML itself runs on a Mac: elsewhere the package is checked by its specification (inputs, outputs,
    operators, stored weights), and its answers are not compared.
    """

    weights: str = "float16"
    bits: Bits = 4

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = "coreml"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("export",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    helpful: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("coremltools", "torch")
    extra: ClassVar[str | None] = "coreml"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"weights": WEIGHTS}

    @property
    def agrees_db(self) -> float:
        """Decibels, looked at on a Mac."""
        return {"float32": 60.0, "float16": 30.0}.get(self.weights, 3.0)

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `NotApplicable` where the network doesn't convert, `StepFailed` where the package isn't what was asked."""
        with needing("coreml"):
            import coremltools  # noqa: F401
        if self.weights == "palettized":
            with needing("lab"):
                import sklearn  # noqa: F401  (coremltools finds the centres with it)
        from thimble.steps.export._exporting import quiet

        try:
            with quiet():
                made = self._smaller(_converted(model, self.weights == "float32"))
                made.save(str(context.output / PACKAGE))
        except Exception as error:  # the converter raises all kinds
            raise NotApplicable(f"coremltools can't convert this network: {first_line(error)}") from error
        return model.becoming(context.output, "coreml", **_looked(made.get_spec(), model, self.weights))

    def _smaller(self, made: Any) -> Any:
        """The program with its weights in integers or palettes, where that is asked for."""
        from coremltools.optimize import coreml as small

        if self.weights == "int8":
            how = small.OpLinearQuantizerConfig(mode="linear_symmetric", dtype="int8", weight_threshold=256)
            return small.linear_quantize_weights(made, small.OptimizationConfig(global_config=how))
        if self.weights == "palettized":
            table = small.OpPalettizerConfig(mode="kmeans", nbits=self.bits, weight_threshold=256)
            return small.palettize_weights(made, small.OptimizationConfig(global_config=table))
        return made


def _converted(model: Model, whole: bool) -> Any:
    """The ML program of a traced network, with the model's names where Core ML can have them."""
    import coremltools as ct
    import numpy as np
    import torch

    inputs = [
        ct.TensorType(name=spec.name, shape=spec.with_batch(1), dtype=np.int32 if "int" in spec.dtype else np.float32)
        for spec in model.inputs
    ]
    with torch.no_grad():
        traced = torch.jit.trace(model.payload, example_inputs(model, 1), strict=False, check_trace=False)
    named = all(name.isidentifier() for name in model.outputs)
    return ct.convert(
        traced,
        inputs=inputs,
        outputs=[ct.TensorType(name=name) for name in model.outputs] if named else None,
        convert_to="mlprogram",
        compute_precision=ct.precision.FLOAT32 if whole else ct.precision.FLOAT16,
        minimum_deployment_target=ct.target.iOS16,
        skip_model_load=True,
    )


def _looked(spec: Any, model: Model, weights: str) -> dict[str, Any]:
    """What the specification says, as notes; raises `StepFailed` where it isn't what was asked for."""
    ends = spec.description
    if len(ends.input) != len(model.inputs) or len(ends.output) != len(model.outputs):
        raise StepFailed(f"the package has {len(ends.input)} inputs and {len(ends.output)} outputs, the network another number of them")
    for end, given in zip(ends.input, model.inputs, strict=True):
        if tuple(end.type.multiArrayType.shape) != given.with_batch(1):
            raise StepFailed(
                f"the package takes {end.name} of shape {tuple(end.type.multiArrayType.shape)}, the network {given.with_batch(1)}"
            )
    blocks = [block for function in spec.mlProgram.functions.values() for block in function.block_specializations.values()]
    kinds = Counter(operation.type for block in blocks for operation in block.operations)
    packed = {"int8": "constexpr_affine_dequantize", "palettized": "constexpr_lut_to_dense"}.get(weights)
    if packed and not kinds[packed]:
        raise NotApplicable(f"no weight of this network is large enough to be stored as {weights}")
    computing = sum(count for kind, count in kinds.items() if kind != "const" and not kind.startswith("constexpr"))
    return {"operators": computing, "stored_weights": kinds[packed] if packed else 0, "specification": spec.specificationVersion}
