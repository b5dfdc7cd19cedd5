"""NNCF's post-training quantization of OpenVINO's own network."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import Model
from thimble.core.settings import Samples
from thimble.core.step import Context, needing
from thimble.core.values import first_line
from thimble.steps.compress._nncf import single_samples, unreported

PRESETS = ("performance", "mixed")


@dataclass(frozen=True)
class OpenvinoQuantizeStatic:
    """``nncf.quantize`` on OpenVINO's network: INT8 by OpenVINO's own rules, what is left in float stored in FP16.

    ``preset`` is ``performance`` (symmetric everywhere) or ``mixed`` (asymmetric activations); ``None`` leaves the choice to
    NNCF. ``samples`` of the calibration split are seen at most. ``fast_bias_correction=False`` takes longer and is usually more
    accurate. ``transformer`` applies NNCF's rules for transformers. Kozlov et al. 2020 (arXiv:2002.08679). `nncf_quantize` does the
    same on the ONNX file, which ONNX Runtime opens, too.
    """

    preset: str | None = None
    samples: Samples = 300
    fast_bias_correction: bool = True
    transformer: bool = False

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "openvino"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("openvino", "nncf")
    extra: ClassVar[str | None] = "nncf"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"preset": PRESETS}
    agrees_db: ClassVar[float] = 3.0
    """Below that, the error is half of the signal: a file that computes something else, not one that rounds."""

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `MissingExtra` without NNCF, `NotApplicable` where nothing is quantized."""
        with needing("nncf"), unreported():
            import nncf
        from thimble.steps.export._exporting import quiet
        from thimble.steps.export._openvino import counted, read, written

        nncf.set_log_level(logging.ERROR)
        seen: list[int] = []
        given = list(single_samples(model, context, self.samples, seen))
        more: dict[str, Any] = {"preset": nncf.QuantizationPreset(self.preset)} if self.preset else {}
        if self.transformer:
            more["model_type"] = nncf.ModelType.TRANSFORMER
        try:
            with quiet():
                network = nncf.quantize(
                    read(model), nncf.Dataset(given), subset_size=len(given), fast_bias_correction=self.fast_bias_correction, **more
                )
        except NotApplicable:
            raise
        except Exception as error:  # NNCF raises all kinds
            raise StepFailed(f"NNCF can't quantize this network: {first_line(error)}") from error
        notes = counted(network)
        if not notes["quantized_operators"]:
            raise NotApplicable("NNCF changed no operator of this network")
        return written(network, model, context, half=True, calibration_samples=len(seen), **notes)
