"""Scoring that may stop early: when it looks, what ends it, and what it never keeps."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from thimble.core.errors import OutOfTime
from thimble.core.job import DropProven, Within
from thimble.core.study import Quality
from thimble.measure.watch import enough, watched


class Scored:
    """What is known of a split of which one sample in ``wrong`` is wrong."""

    def __init__(self, seen: int, wrong: int, looks: list[int]) -> None:
        self.seen, self.wrong, self.looks = seen, wrong, looks

    def quality(self) -> Quality:
        self.looks.append(self.seen)
        scores = tuple(float(i % self.wrong != 0) for i in range(self.seen))
        return Quality("validation", "", "accuracy", scores, seconds=self.seen / 100)


def going(samples: int, wrong: int, looks: list[int], at_once: int = 32) -> Iterator[Scored]:
    for seen in range(at_once, samples + at_once, at_once):
        yield Scored(min(seen, samples), wrong, looks)


BASELINE = Quality("validation", "", "accuracy", (1.0,) * 3000)


def test_scores_are_looked_at_in_growing_portions_and_all_are_kept_where_nothing_is_proven() -> None:
    looks: list[int] = []
    told: list[float] = []
    rule = DropProven(5.0, BASELINE)
    quality, whole = watched(going(3000, 200, looks), 3000, rule, None, lambda done, words: told.append(done))  # type: ignore[arg-type]
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert looks == [128, 256, 512, 1024, 2048, 3000]
    assert (whole, len(quality.scores)) == (True, 3000)


def test_a_proven_drop_ends_it() -> None:
    quality, whole = watched(going(3000, 2, []), 3000, DropProven(5.0, BASELINE), None)  # type: ignore[arg-type]
    assert (whole, len(quality.scores)) == (False, 128)
    assert enough(DropProven(5.0, BASELINE), quality)
    assert not enough(DropProven(60.0, BASELINE), quality)


def test_time_that_is_used_up_ends_it_too() -> None:
    quality, whole = watched(going(3000, 200, []), 3000, Within(3.0, 60.0), None)  # type: ignore[arg-type]
    assert (whole, len(quality.scores)) == (False, 512), "the first look after 300 samples"


def test_after_the_deadline_nothing_is_kept() -> None:
    with pytest.raises(OutOfTime, match="when 32 of 3,000 samples were scored"):
        watched(going(3000, 200, []), 3000, None, time.monotonic() - 1)  # type: ignore[arg-type]


def test_a_deadline_does_not_take_the_last_batch_away() -> None:
    quality, whole = watched(going(32, 200, []), 32, None, time.monotonic() - 1)  # type: ignore[arg-type]
    assert (whole, len(quality.scores)) == (True, 32)
