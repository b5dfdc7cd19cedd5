"""Fine-tuning gives a pruned network its accuracy back."""

import sys

import thimble

QUICK = "--quick" in sys.argv  # less training and smaller images, as the tests run it
options = thimble.Lab(
    recipes={
        "pruned": "prune_channels(0.3)",
        "pruned-and-tuned": "prune_channels(0.3) + finetune(1)",
    },
    quick=QUICK,
    image_size=32 if QUICK else 64,
)
study = thimble.lab(options, out="runs/06_finetuning")

for row in thimble.summarize(study).rows:
    print(f"{row.name:24} {row.size_mb:6.2f} MB  {row.text('latency_p50_ms', ' ms')}  {row.quality.value:6.2f} %")
