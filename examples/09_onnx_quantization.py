"""Quantization in ONNX Runtime, dynamic and static."""

import sys

import thimble

QUICK = "--quick" in sys.argv  # less training and smaller images, as the tests run it
options = thimble.Lab(
    recipes={
        "onnx": "to_onnx()",
        "onnx-int8-dynamic": "to_onnx() + onnx_quantize_dynamic()",
        "onnx-int8-static": "to_onnx() + onnx_quantize_static()",
    },
    quick=QUICK,
    image_size=32 if QUICK else 64,
)
study = thimble.lab(options, out="runs/09_onnx_quantization")

for row in thimble.summarize(study).rows:
    print(f"{row.name:24} {row.size_mb:6.2f} MB  {row.text('speedup', 'x')}  {row.quality.value:6.2f} %")
