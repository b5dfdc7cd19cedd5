"""A small convolutional network as an ONNX file that ONNX Runtime's own tool has quantized: ``zoo_quantized.py FILE``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_static
from torch import nn
from zoo_data import images64


class _Calibration:
    def __init__(self) -> None:
        self.batches = images64().split("calibration").batches(4)

    def get_next(self) -> dict[str, object] | None:
        batch = next(self.batches, None)
        return None if batch is None else dict(batch.inputs)


def main(target: str) -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 3, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    network = nn.Sequential(*layers, nn.Linear(32, 10)).eval()
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "float.onnx"
        batch = {0: torch.export.Dim("batch")}
        torch.onnx.export(
            network, (torch.zeros(2, 3, 64, 64),), str(path), input_names=["input"], output_names=["output"], dynamic_shapes=(batch,)
        )
        quantize_static(str(path), target, _Calibration(), activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)


if __name__ == "__main__":
    main(*sys.argv[1:])
