"""Equalize the channels of an ONNX file before it is quantized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.settings import Part, Samples
from thimble.core.step import Context


@dataclass(frozen=True)
class OnnxEqualize:
    """Scale a convolution's output channels so that one INT8 scale suits all; its readers take the factors up.

    It computes what it did, in FP32; quantizing steps behind it lose less on depthwise networks. (A channel of ReLU6 is cut beyond what
    was seen of it instead of at 6.) Factors are the channels' ranges on the first ``samples`` calibration samples to the power of
    ``strength``: 1 gives each channel the whole scale, less leaves room for what was not seen. ``dense=True`` lets convolutions over all
    channels take factors up as well as depthwise ones. After Nagel et al. 2019 (arXiv:1906.04721), section 4.1, but by the
    activations' ranges, and past functions such as hard-swish, in front of which one multiplication gives the numbers back.
    """

    strength: Part = 0.75
    dense: bool = False
    samples: Samples = 128

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ("calibration", "seed")
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the equalized file; its note ``keep_float`` names operators that quantizing would spoil.

        Raises `NotApplicable` where no convolution's channels can be scaled.
        """
        import onnx

        from thimble.steps.compress._calibration import calibration_batches
        from thimble.steps.compress._equalizing import equalize
        from thimble.steps.compress._onnx_files import prepared

        loaded = onnx.load(str(prepared(model, context.scratch)))
        batches = list(calibration_batches(model, context, "data", self.samples))
        changed, floats = equalize(loaded, batches, context.threads, self.strength, self.dense)
        if not changed:
            raise NotApplicable("no convolution of this file gives its outputs to layers alone that can take a factor per channel up")
        onnx.save(loaded, str(context.output / "model.onnx"))
        return model.becoming(context.output, equalized_layers=changed, keep_float=floats)
