"""Conversion to LiteRT's file (TensorFlow Lite) with litert-torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import NHWC, TORCH, Model, example_inputs
from thimble.core.step import Context, needing
from thimble.core.values import TensorSpec, first_line


@dataclass(frozen=True)
class ToLitert:
    """Write ``model.tflite``: FP32, for one sample at a time.

    ``layout`` is that of images: ``nchw`` as PyTorch has them, or ``nhwc``, channels last, as cameras and TensorFlow's applications give
    them. The file's description says so, and data are turned for it. Outputs stay as they are.

    It begins with a PyTorch network: no converter from ONNX files to LiteRT keeps to its promises (onnx2tf needs an environment of its
    own, and fetches a file while it converts).
    """

    layout: Literal["nchw", "nhwc"] = "nchw"

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = "tflite"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("export",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    helpful: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("litert_torch", "torch")
    extra: ClassVar[str | None] = "litert-export"
    agrees_db: ClassVar[float] = 60.0

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `NotApplicable` where the network can't be traced, `StepFailed` where it can't be converted."""
        import torch

        from thimble.steps.export._exporting import quiet

        with needing("litert-export"):
            import litert_torch
        images = _images(model) if self.layout == NHWC else []
        example = example_inputs(model, 1)
        try:
            with quiet(), torch.no_grad():
                torch.export.export(model.payload, example)
        except Exception as error:  # the traced code raises whatever it likes
            raise NotApplicable(f"torch.export can't trace this model: {first_line(error)}") from error
        try:
            with quiet(), torch.no_grad():
                network: Any = model.payload.eval()
                if images:
                    network = litert_torch.to_channel_last_io(network, args=images)
                    example = tuple(x.permute(0, 2, 3, 1).contiguous() if i in images else x for i, x in enumerate(example))
                litert_torch.convert(network, example).export(str(context.output / "model.tflite"))
        except Exception as error:  # the converter raises all kinds
            raise StepFailed(f"litert-torch can't convert this model: {first_line(error)}") from error
        single = tuple(_as_written(spec, i in images) for i, spec in enumerate(model.inputs))
        return replace(model.becoming(context.output, "tflite"), inputs=single)


def _images(model: Model) -> list[int]:
    """The places of inputs that are images. Raises `NotApplicable` where there are none, or where their layouts can't be told apart."""
    found = [i for i, spec in enumerate(model.inputs) if len(spec.shape) == 4]
    if not found:
        raise NotApplicable("layout='nhwc' is for images, and no input of this model has four dimensions")
    for i in found:
        spec = model.inputs[i]
        if len(set(spec.with_batch(1)[1:])) == 1:
            raise NotApplicable(f"channels, height and width of {spec.name} are all {spec.with_batch(1)[1]}: layouts can't be told apart")
    return found


def _as_written(spec: TensorSpec, image: bool) -> TensorSpec:
    """An input as the file has it: one sample, an image's channels last."""
    shape = spec.with_batch(1)
    return replace(spec, shape=(shape[0], *shape[2:], shape[1]), sizes=None, layout=NHWC) if image else replace(spec, shape=shape)
