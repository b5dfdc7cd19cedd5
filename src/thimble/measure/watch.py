"""Scoring that can stop early: looked at after 128 samples, 256, 512, ..., by a rule that is a value."""

from __future__ import annotations

import time
from collections.abc import Iterator

from thimble.core.errors import OutOfTime
from thimble.core.job import DropProven, Stop
from thimble.core.registry import METRICS
from thimble.core.step import Progress, silent
from thimble.core.study import Quality
from thimble.measure.quality import Scoring
from thimble.stats import sequential_drop

FIRST_LOOK = 128
"""Samples after which scores are looked at for the first time; then after twice as many, and so on."""


def enough(stop: Stop, so_far: Quality) -> bool:
    """Return whether what is known so far is enough."""
    if not isinstance(stop, DropProven):
        return so_far.seconds > stop.seconds
    theirs, n = stop.baseline.scores, min(len(so_far.scores), len(stop.baseline.scores))
    return bool(n) and sequential_drop(theirs[:n], so_far.scores[:n], METRICS.get(so_far.metric)()).low > stop.limit


def watched(
    going: Iterator[Scoring], samples: int, stop: Stop | None, deadline: float | None, progress: Progress = silent
) -> tuple[Quality, bool]:
    """The quality as far as it was scored, and whether that is all of the ``samples``.

    Raises `OutOfTime` after ``deadline``, a time of `time.monotonic`.
    """
    look, so_far = FIRST_LOOK, None
    for so_far in going:
        progress(so_far.seen / samples, "")
        if so_far.seen >= samples:
            break
        if deadline is not None and time.monotonic() > deadline:
            raise OutOfTime(f"the time budget was used up when {so_far.seen:,} of {samples:,} samples were scored")
        if stop is None or so_far.seen < look:
            continue
        while look <= so_far.seen:
            look *= 2
        if enough(stop, quality := so_far.quality()):
            return quality, False
    assert so_far is not None
    return so_far.quality(), True
