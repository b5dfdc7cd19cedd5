"""The FP32 baseline: what everything else is compared with."""

import sys

import thimble

QUICK = "--quick" in sys.argv  # less training and smaller images, as the tests run it
options = thimble.Lab(
    only=["baseline"],
    quick=QUICK,
    image_size=32 if QUICK else 64,
)
study = thimble.lab(options, out="runs/01_baseline")

for row in thimble.summarize(study).rows:
    print(f"{row.name}: {row.size_mb:.1f} MB, {row.parameters:,} parameters, {row.macs:,} MACs")
    print(f"  {row.text('latency_p50_ms', ' ms')}, with its 95 % interval")
    print(f"  {row.quality:.1f} % right")
