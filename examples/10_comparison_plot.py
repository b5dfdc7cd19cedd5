"""A picture of it all: size, latency and accuracy of several candidates."""

import sys

import thimble

QUICK = "--quick" in sys.argv  # less training and smaller images, as the tests run it
options = thimble.Lab(
    recipes={
        "int8-static": "fx_quantize_static()",
        "prune30-channels": "prune_channels(0.3)",
        "onnx-int8-static": "to_onnx() + onnx_quantize_static()",
    },
    quick=QUICK,
    image_size=32 if QUICK else 64,
)
study = thimble.lab(options, out="runs/10_comparison_plot")

for row in thimble.summarize(study).rows:
    print(f"{row.name:24} {row.size_mb:6.2f} MB  {row.text('latency_p50_ms', ' ms')}  {row.quality.value:6.2f} %")

print("see runs/10_comparison_plot/optimization_comparison.png and report.html")
