"""Static INT8 for ExecuTorch: PyTorch's export quantization with XNNPACK's quantizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import TORCH, Model
from thimble.core.settings import Samples
from thimble.core.step import Context, needing
from thimble.core.values import first_line


@dataclass(frozen=True)
class ExecutorchQuantizeStatic:
    """Observe activations on ``samples`` of the calibration split, and write ``model.pte`` with INT8 weights and activations.

    Activations are asymmetric and per tensor, weights symmetric, with a scale for each channel (``per_channel``) or tensor. The
    quantizer is XNNPACK's, so that whatever it marks XNNPACK runs in integers; the notes say how many operators it takes.
    """

    samples: Samples = 256
    per_channel: bool = True

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = "executorch"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("executorch", "torchao", "torch")
    extra: ClassVar[str | None] = "executorch"
    agrees_db: ClassVar[float] = 3.0
    """Below that, the error is half of the signal: a file that computes something else, not one that rounds."""

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `NotApplicable` where the network can't be traced or nothing is quantized, `StepFailed` else."""
        with needing("executorch"):
            import executorch.exir  # noqa: F401
        from thimble.steps.export._executorch import traced, write_program

        network, seen = self._quantized(model, context)
        notes = write_program(traced(network, model), context.output / "model.pte")
        return model.becoming(context.output, "executorch", calibration_samples=seen, **notes)

    def _quantized(self, model: Model, context: Context) -> tuple[Any, int]:
        """The network with quantizers in it, and how many samples it was calibrated on."""
        import torch
        from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

        from thimble.steps.compress._calibration import calibration_batches
        from thimble.steps.export._exporting import export_program, quiet

        program, made = export_program(model)
        quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=self.per_channel))
        seen = 0
        try:
            with quiet(), torch.no_grad():
                observed = prepare_pt2e(program.module(), quantizer)
                for batch in calibration_batches(made, context, "data", self.samples):
                    observed(*(torch.from_numpy(batch[spec.name].copy()) for spec in made.inputs))
                    seen += len(next(iter(batch.values())))
                converted = convert_pt2e(observed)
        except (NotApplicable, StepFailed):
            raise
        except Exception as error:  # observers meet whatever the network does
            raise StepFailed(f"PyTorch's export quantization fails: {first_line(error)}") from error
        if not any("quantize_per" in str(node.target) for node in converted.graph.nodes):
            raise NotApplicable("XNNPACK's quantizer marks no operator of this network")
        return converted, seen
