"""NNCF's quantization with accuracy control: operators go back to float until the outputs are near enough."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import Model
from thimble.core.settings import Ratio, Samples
from thimble.core.step import Context, needing
from thimble.core.values import first_line
from thimble.steps.compress._nncf import single_samples, unreported

FEWEST = 4
"""Samples of the calibration split, at least: half of them decide ranges, the others what goes back."""


@dataclass(frozen=True)
class OpenvinoQuantizeControlled:
    """``nncf.quantize_with_accuracy_control`` for OpenVINO.

    The first half of ``samples`` of the calibration split decides the ranges, the second half what goes back to float. Outputs are
    compared with the float network's there, without labels: ``max_noise`` is the share of the outputs' power that the error may have
    (0.01 is 20 dB, 0.001 is 30). Neither validation nor test samples are seen.
    """

    max_noise: Ratio = 0.003
    samples: Samples = 300

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "openvino"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("openvino", "nncf")
    extra: ClassVar[str | None] = "nncf"
    agrees_db: ClassVar[float] = 3.0
    """Below that, the error is half of the signal: a file that computes something else, not one that rounds."""

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `MissingExtra` without NNCF, `NotApplicable` with too few samples, or where all goes back to float."""
        with needing("nncf"), unreported():
            import nncf
        from thimble.steps.export._exporting import quiet
        from thimble.steps.export._openvino import counted, read, written

        nncf.set_log_level(logging.ERROR)
        given = list(single_samples(model, context, self.samples, []))
        if len(given) < FEWEST:
            raise NotApplicable(f"accuracy control needs {FEWEST} calibration samples, and there are {len(given)}")
        ranges, judges = given[: len(given) // 2], given[len(given) // 2 :]
        network = read(model)
        score = _Score(network, judges, context.threads)
        try:
            with quiet():
                made = nncf.quantize_with_accuracy_control(
                    network,
                    nncf.Dataset(ranges),
                    nncf.Dataset(judges),
                    validation_fn=score,
                    max_drop=self.max_noise,
                    drop_type=nncf.DropType.ABSOLUTE,
                    subset_size=len(ranges),
                )
        except Exception as error:  # NNCF raises all kinds
            raise StepFailed(f"NNCF's accuracy control fails: {first_line(error)}") from error
        notes = counted(made)
        if not notes["quantized_operators"]:
            raise NotApplicable(f"no operator can be quantized within {self.max_noise:g} of the outputs' power")
        return written(made, model, context, half=True, calibration_samples=len(given), **notes)


class _Score:
    """How near a network's outputs are to the float network's: 1 less the share of the outputs' power that the error has."""

    def __init__(self, network: Any, samples: list[dict[str, Any]], threads: int) -> None:
        import openvino

        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        compiled = openvino.Core().compile_model(network, "CPU", settings)
        self.wanted = [_outputs(compiled, sample) for sample in samples]
        self.power = sum(float((array**2).sum()) for outputs in self.wanted for array in outputs) or 1.0

    def __call__(self, compiled: Any, samples: Iterable[dict[str, Any]]) -> tuple[float, list[float]]:
        """The score, and each sample's own, as NNCF asks for them."""
        errors = [
            sum(float(((mine - right) ** 2).sum()) for mine, right in zip(_outputs(compiled, sample), wanted, strict=True))
            for sample, wanted in zip(samples, self.wanted, strict=False)
        ]
        share = len(self.wanted) / self.power
        return 1 - sum(errors) / self.power, [1 - error * share for error in errors]


def _outputs(compiled: Any, sample: dict[str, Any]) -> list[Any]:
    """The outputs in their order, in FP64."""
    return [array.astype("float64") for array in compiled(sample).to_tuple()]
