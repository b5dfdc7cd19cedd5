"""NNCF's post-training quantization of an ONNX file: quantizers placed by its graph rules, biases corrected."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import Model
from thimble.core.settings import Samples
from thimble.core.step import Context, needing
from thimble.steps.compress._nncf import single_samples, unreported

PRESETS = ("performance", "mixed")


@dataclass(frozen=True)
class NncfQuantize:
    """``nncf.quantize`` on an ONNX file, for ONNX Runtime and OpenVINO: INT8 in QDQ format.

    ``preset`` is ``performance`` (symmetric everywhere) or ``mixed`` (asymmetric activations); ``None`` leaves the
    choice to NNCF. ``subset_size`` is how many calibration samples are seen at most. ``fast_bias_correction=False``
    takes longer and is usually more accurate. ``transformer`` applies NNCF's rules for transformers. Kozlov et al.
    2020, "Neural Network Compression Framework for fast model inference" (arXiv:2002.08679).
    """

    preset: str | None = None
    subset_size: Samples = 300
    fast_bias_correction: bool = True
    transformer: bool = False

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 3
    effects: ClassVar[tuple[str, ...]] = ("quantize",)
    uses: ClassVar[tuple[str, ...]] = ("calibration", "seed")
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime", "nncf")
    extra: ClassVar[str | None] = "nncf"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"preset": PRESETS}

    def __post_init__(self) -> None:
        if self.preset is not None and self.preset not in PRESETS:
            raise BadInput(f"nncf_quantize: preset must be {' or '.join(PRESETS)}, not {self.preset!r}")
        if self.subset_size < 1:
            raise BadInput(f"nncf_quantize: subset_size must be at least 1, not {self.subset_size}")

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the quantized file. Raises `MissingExtra` without NNCF, `NotApplicable` where nothing is quantized."""
        with needing("nncf"), unreported():
            import nncf
        from thimble.steps.compress._onnx_files import counted, prepared
        from thimble.steps.compress._slimming import slim_file
        from thimble.steps.compress._tolerant import one_feed, tolerantly

        nncf.set_log_level(logging.ERROR)
        source, target = prepared(model, context.scratch), context.output / "model.onnx"
        seen: list[int] = []
        samples = list(single_samples(model, context, self.subset_size, seen))

        def attempt(left: Collection[str], quick: bool) -> None:
            self._write(source, target, samples[:1] if quick else samples, left)

        notes = tolerantly(source, target, model, context, attempt) | counted(target)
        if not notes["quantized_operators"]:
            raise NotApplicable("NNCF changed no operator of this file")
        slim_file(target, one_feed(model, context), context.threads)
        return model.becoming(context.output, **notes, calibration_samples=len(seen))

    def _write(self, source: Path, target: Path, samples: list[dict[str, Any]], left: Collection[str]) -> None:
        """Quantize without the operators in ``left``; raises what NNCF raises."""
        import nncf
        import onnx

        with contextlib.redirect_stdout(io.StringIO()):
            quantized = nncf.quantize(
                onnx.load(str(source)),
                nncf.Dataset(samples),
                preset=nncf.QuantizationPreset(self.preset) if self.preset else None,
                subset_size=self.subset_size,
                fast_bias_correction=self.fast_bias_correction,
                model_type=nncf.ModelType.TRANSFORMER if self.transformer else None,
                ignored_scope=nncf.IgnoredScope(names=list(left), validate=False) if left else None,
            )
        onnx.save(quantized, str(target))
