"""onnxsim's quantizer: the scheme that it finds by itself within its default budget, and static."""

from __future__ import annotations

import sys
from pathlib import Path

PACKAGES = ("onnxsim==0.8.1", "onnxruntime==1.32.0", "onnx==1.23.2")


def main(source: Path, calibration: Path, out: Path) -> None:
    """Write ``static`` and ``auto``."""
    import numpy as np
    import onnx
    import onnxsim

    with np.load(calibration) as found:
        ((name, samples),) = found.items()
    data = [{name: sample[None]} for sample in samples]
    onnx.save(onnxsim.quantize_static(str(source), calibration_data=data), str(out / "static.onnx"))
    onnx.save(onnxsim.quantize_auto(str(source), calibration_data=data), str(out / "auto.onnx"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
