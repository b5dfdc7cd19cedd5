"""Dynamic quantization in PyTorch: it touches linear layers only, so a convolutional network stays as large."""

import sys

import thimble

QUICK = "--quick" in sys.argv  # less training and smaller images, as the tests run it
options = thimble.Lab(
    recipes={
        "int8-dynamic": "torch_quantize_dynamic()",
    },
    quick=QUICK,
    image_size=32 if QUICK else 64,
)
study = thimble.lab(options, out="runs/02_dynamic_quantization")

for row in thimble.summarize(study).rows:
    print(f"{row.name:24} {row.size_mb:6.2f} MB  {row.text('latency_p50_ms', ' ms')}  {row.quality.value:6.2f} %")

notes = study.candidate("int8-dynamic").steps[-1].notes
print("quantized layers:", notes["quantized_layers"], "left in float:", notes["float_layers"])
