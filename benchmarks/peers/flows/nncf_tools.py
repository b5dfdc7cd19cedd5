"""NNCF's post-training quantization of an ONNX file, all settings left alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGES = ("nncf==3.4.0", "openvino==2026.4.1", "onnx==1.23.2", "onnxruntime==1.32.0")
RUNTIMES = ("onnxruntime", "openvino", "openvino:INFERENCE_PRECISION_HINT=bf16")
"""What its file is run in."""


def main(source: Path, calibration: Path, out: Path) -> None:
    """Write ``ptq``; its use is not reported to its makers."""
    os.environ["NNCF_CI"] = "1"
    import nncf
    import numpy as np
    import onnx

    with np.load(calibration) as found:
        ((name, samples),) = found.items()
    data = nncf.Dataset([{name: sample[None]} for sample in samples])
    onnx.save(nncf.quantize(onnx.load(str(source)), data, subset_size=len(samples)), str(out / "ptq.onnx"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
