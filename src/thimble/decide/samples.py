"""What a number of samples can prove, and what fewer of them cost."""

from __future__ import annotations

import math

from thimble.core.study import Advice, Study, TaskInfo
from thimble.decide import _words as words
from thimble.stats import tango


def remaining(samples: int) -> float:
    """Return the drop in points that remains possible where none of so many samples differs: the least that they can prove."""
    return 100 * tango(0, 0, samples).high


def cut_short(task: TaskInfo, split: str, samples: int) -> str:
    """Return what it costs in proof that only the first ``samples`` of a split are scored, and how the others get scored, too."""
    whole = task.splits[split].samples
    if task.binary and task.unit == "%":
        least = f"{samples:,} can't prove a drop below {remaining(samples):.2f} points, all {whole:,} could prove {remaining(whole):.2f}"
    else:
        least = f"the interval of a drop is about {math.sqrt(whole / samples):.1f} times as wide as with all of them"
    return (
        f"only the first {samples:,} of {whole:,} {split} samples are scored, to stay within the time budget: {least}. The same command "
        "with a larger --budget goes on and scores more"
    )


def few_samples(study: Study) -> list[Advice]:
    """Warn where a split is so small that even a candidate without a differing sample could not be proven."""
    limit, task = study.limits.max_drop, study.task
    if limit is None or not task.binary or task.unit != "%":
        return []
    found = []
    for name in ("validation", "test"):
        samples = task.splits[name].samples if name in task.splits else 0
        if samples and (possible := remaining(samples)) > limit:
            instead = f"{_enough(limit):,} samples or more" if limit else "another metric"
            text = (
                f"{samples:,} {name} samples can't prove a drop of at most {words.allowed(limit, task)}: even if no sample differs, a drop "
                f"of {possible:.2f} points remains possible. Use {instead}, or raise --max-drop."
            )
            found.append(Advice("few-samples", text))
    return found


def _enough(limit: float) -> int:
    """Return how many samples prove a drop of at most ``limit`` points where none of them differs."""
    few, enough = 0, 1
    while remaining(enough) > limit:
        few, enough = enough, 2 * enough
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if remaining(middle) <= limit else (middle, enough)
    return enough
