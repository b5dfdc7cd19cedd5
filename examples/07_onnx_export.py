"""Export to ONNX: checked, compared with PyTorch, and one file."""

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
study = thimble.lab(options, out="runs/07_onnx_export")

for row in thimble.summarize(study).rows:
    print(f"{row.name:24} {row.size_mb:6.2f} MB  {row.text('latency_p50_ms', ' ms')}  {row.quality.value:6.2f} %")

candidate = study.candidate("onnx")
notes = candidate.steps[-1].notes
print(f"opset {notes['opset']}, outputs agree with PyTorch's to {notes['agreement_db']} dB")
print("files to ship:", ", ".join(file.path for file in candidate.artifact.files))
