"""PyTorch's dynamic quantization, as course scripts call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import TORCH, Model
from thimble.core.step import Context
from thimble.core.values import first_line


@dataclass(frozen=True)
class TorchQuantizeDynamic:
    """``torch.ao.quantization.quantize_dynamic`` asked of ``modules``: INT8 weights, activations quantized on the fly.

    PyTorch has dynamic kernels for linear and recurrent layers only; a convolution that is asked for stays FP32,
    silently. ``notes`` say which types were changed and which were not.
    """

    modules: tuple[str, ...] = ("Linear", "Conv2d")

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = "torchscript"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"

    def apply(self, model: Model, context: Context) -> Model:
        """The network as TorchScript. Raises `NotApplicable` where no layer of these types has a dynamic kernel."""
        import copy
        import warnings

        from torch import nn
        from torch.ao.quantization import quantize_dynamic

        from thimble.steps.compress._torchscript import write_torchscript

        asked = {getattr(nn, name) for name in self.modules}
        before = [type(module) for module in model.payload.modules() if type(module) in asked]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = quantize_dynamic(copy.deepcopy(model.payload), asked)
        left = [type(module) for module in network.modules() if type(module) in asked]
        if len(left) == len(before):
            raise NotApplicable(f"PyTorch has no dynamic INT8 kernel for any layer of this model (asked for {', '.join(self.modules)})")
        counts = {kind.__name__: (before.count(kind) - left.count(kind), left.count(kind)) for kind in dict.fromkeys(before)}
        notes = {"quantized_layers": {k: v[0] for k, v in counts.items()}, "float_layers": {k: v[1] for k, v in counts.items()}}
        try:
            return write_torchscript(network, model, context, **notes)
        except RuntimeError as error:
            raise StepFailed(f"the dynamically quantized network can't be traced: {first_line(error)}") from error
