"""The same weights in another runtime: much of a speedup is the runtime, not the technique."""

import sys

import thimble

QUICK = "--quick" in sys.argv  # less training and smaller images, as the tests run it
options = thimble.Lab(
    recipes={
        "onnx": "to_onnx()",
    },
    quick=QUICK,
    image_size=32 if QUICK else 64,
)
study = thimble.lab(options, out="runs/08_onnx_runtime")

for row in thimble.summarize(study).rows:
    print(f"{row.name:24} {row.size_mb:6.2f} MB  {row.text('speedup', 'x')}  {row.quality.value:6.2f} %")
