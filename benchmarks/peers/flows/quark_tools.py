"""AMD Quark's post-training quantization of an ONNX file: its configuration U8S8_AAWS (unsigned activations, signed weights)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

PACKAGES = ("amd-quark==0.13", "torch==2.13.0", "onnxruntime==1.32.0")


def main(source: Path, calibration: Path, out: Path) -> None:
    """Write ``u8s8``."""
    import numpy as np
    from onnxruntime.quantization import CalibrationDataReader
    from quark.onnx import ModelQuantizer
    from quark.onnx.quantization.config import Config, get_default_config

    with np.load(calibration) as found:
        ((name, samples),) = found.items()

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(samples)

        def get_next(self) -> dict[str, Any] | None:
            sample = next(self.left, None)
            return None if sample is None else {name: sample[None]}

    quantizer = ModelQuantizer(Config(global_quant_config=get_default_config("U8S8_AAWS")))
    quantizer.quantize_model(str(source), str(out / "u8s8.onnx"), Reader())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
