"""ONNX Runtime's own quantizer, as its documentation calls it: static in its default types and in those for x86, and dynamic."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

PACKAGES = ("onnxruntime==1.32.0", "onnx==1.23.2", "sympy")


def main(source: Path, calibration: Path, out: Path) -> None:
    """Write ``static-default``, ``static-u8s8`` and ``dynamic``."""
    import numpy as np
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with np.load(calibration) as found:
        ((name, samples),) = found.items()

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(samples)

        def get_next(self) -> dict[str, Any] | None:
            sample = next(self.left, None)
            return None if sample is None else {name: sample[None]}

    prepared = out / "prepared"
    quant_pre_process(str(source), str(prepared))
    quantize_static(str(prepared), str(out / "static-default.onnx"), Reader())
    for_x86: dict[str, Any] = {"per_channel": True, "activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(str(prepared), str(out / "static-u8s8.onnx"), Reader(), **for_x86)
    quantize_dynamic(str(prepared), str(out / "dynamic.onnx"))
    prepared.unlink()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
