"""Distillation: MobileNetV2 learns from the trained network."""

import sys

import thimble

QUICK = "--quick" in sys.argv  # less training and smaller images, as the tests run it
options = thimble.Lab(
    recipes={
        "student": "distill('torchvision:mobilenet_v2', epochs=2)",
        "student-int8": "distill('torchvision:mobilenet_v2', epochs=2) + to_onnx() + onnx_quantize_static()",
    },
    quick=QUICK,
    image_size=32 if QUICK else 64,
)
study = thimble.lab(options, out="runs/11_distillation")

for row in thimble.summarize(study).rows:
    print(f"{row.name:24} {row.size_mb:6.2f} MB  {row.text('latency_p50_ms', ' ms')}  {row.quality.value:6.2f} %")
