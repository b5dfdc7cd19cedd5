"""AIMET's post-training quantization of an ONNX file in 8 bits, written as QDQ."""

from __future__ import annotations

import sys
from pathlib import Path

PACKAGES = ("aimet-onnx==2.42.0", "torch==2.13.0")


def main(source: Path, calibration: Path, out: Path) -> None:
    """Write ``ptq``."""
    import numpy as np
    import onnx
    from aimet_onnx.quantsim import QuantizationSimModel

    with np.load(calibration) as found:
        ((name, samples),) = found.items()
    simulated = QuantizationSimModel(onnx.load(str(source)))
    simulated.compute_encodings([{name: sample[None]} for sample in samples])
    onnx.save(simulated.to_onnx_qdq(prequantize_constants=True, export_int32_bias=True), str(out / "ptq.onnx"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
