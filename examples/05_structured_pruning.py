"""Structured pruning: whole channels go, with everything that depends on them."""

import sys

import thimble

QUICK = "--quick" in sys.argv  # less training and smaller images, as the tests run it
options = thimble.Lab(
    recipes={
        "prune30-channels": "prune_channels(0.3)",
    },
    quick=QUICK,
    image_size=32 if QUICK else 64,
)
study = thimble.lab(options, out="runs/05_structured_pruning")

for row in thimble.summarize(study).rows:
    print(
        f"{row.name:24} {row.parameters:>10,} parameters {row.macs:>12,} MACs "
        f"{row.text('latency_p50_ms', ' ms')}  {row.quality.value:6.2f} %"
    )
