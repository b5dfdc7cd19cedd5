"""Static quantization in PyTorch, calibrated on real data and, for comparison, on random noise."""

import sys

import thimble

QUICK = "--quick" in sys.argv  # less training and smaller images, as the tests run it
options = thimble.Lab(
    recipes={
        "int8-static": "fx_quantize_static()",
        "int8-static-noise": "fx_quantize_static('noise')",
    },
    quick=QUICK,
    image_size=32 if QUICK else 64,
)
study = thimble.lab(options, out="runs/03_static_quantization")

for row in thimble.summarize(study).rows:
    print(f"{row.name:24} {row.size_mb:6.2f} MB  {row.text('speedup', 'x')}  {row.quality.value:6.2f} %")
