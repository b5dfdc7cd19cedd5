"""PyTorch's static quantization in FX graph mode: fuses, observes, converts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import TORCH, Model, example_inputs
from thimble.core.step import Context
from thimble.core.values import first_line


@dataclass(frozen=True)
class FxQuantizeStatic:
    """INT8 weights and activations with ranges from ``calibration``: the calibration split (``data``) or ``noise``.

    ``backend`` names PyTorch's quantized engine; ``auto`` takes ``x86`` where the processor is one, else ``onednn``
    or ``qnnpack`` as built. FX mode traces symbolically: networks with data-dependent control flow don't apply.
    """

    calibration: str = "data"
    backend: str = "auto"

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = "torchscript"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ("calibration", "seed", "processor")
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"calibration": ("data", "noise")}

    def apply(self, model: Model, context: Context) -> Model:
        """The quantized network as TorchScript. Raises `NotApplicable` where FX can't trace or nothing was quantized."""
        import copy
        import warnings

        import torch
        from torch.ao.quantization import get_default_qconfig_mapping
        from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

        from thimble.steps.compress._calibration import calibration_batches
        from thimble.steps.compress._torchscript import write_torchscript

        backend = _backend(self.backend, torch.backends.quantized.supported_engines)
        torch.backends.quantized.engine = backend
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                observed = prepare_fx(copy.deepcopy(model.payload), get_default_qconfig_mapping(backend), example_inputs(model))
            except Exception as error:  # FX raises whatever the traced code raises
                raise NotApplicable(f"FX graph mode can't trace this model: {first_line(error)}") from error
            seen = 0
            for batch in calibration_batches(model, context, self.calibration):
                observed(*(torch.from_numpy(batch[spec.name]) for spec in model.inputs))
                seen += len(next(iter(batch.values())))
            quantized = convert_fx(observed)
            layers = sum("quantized" in type(module).__module__ for module in quantized.modules())
            if not layers:
                raise NotApplicable("FX graph mode found no layer that it can quantize")
            try:
                return write_torchscript(quantized, model, context, backend=backend, quantized_layers=layers, calibration_samples=seen)
            except (RuntimeError, NotImplementedError) as error:
                raise StepFailed(f"the quantized network does not run: {first_line(error)}") from error


def _backend(asked: str, built: list[str]) -> str:
    """The engine to quantize for."""
    if asked != "auto":
        if asked not in built:
            raise NotApplicable(f"this PyTorch has no quantized engine {asked!r}; it has {', '.join(built)}")
        return asked
    return next(name for name in ("x86", "fbgemm", "onednn", "qnnpack") if name in built)
