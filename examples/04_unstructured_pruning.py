"""Unstructured pruning: zeros are stored and multiplied like any other number."""

import sys

import thimble

QUICK = "--quick" in sys.argv  # less training and smaller images, as the tests run it
options = thimble.Lab(
    recipes={
        "prune30-weights": "prune_weights(0.3)",
        "prune50-weights": "prune_weights(0.5)",
    },
    quick=QUICK,
    image_size=32 if QUICK else 64,
)
study = thimble.lab(options, out="runs/04_unstructured_pruning")

for row in thimble.summarize(study).rows:
    print(
        f"{row.name:24} {row.sparsity:5.1f} % zeros  {row.size_mb:.1f} MB, "
        f"deflated {row.size_deflated_mb:.1f}  {row.text('latency_p50_ms', ' ms')}"
    )
