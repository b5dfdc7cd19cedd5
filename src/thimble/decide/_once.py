"""Intervals of raw values, each computed once: a search decides after every job, from the same values and a few new ones.

Every function here is pure and kept by the values that it is given, its seed included.
"""

from __future__ import annotations

import statistics
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from thimble.core.summary import Interval
from thimble.core.task import Metric
from thimble.stats import drop_interval, known, latency_interval, percentile, quality_interval

Scores = tuple[float | tuple[float, ...], ...]
Times = tuple[tuple[float, ...], ...]

KEPT = 256
"""Results of each kind that are kept: those of a study of some sixty candidates, with two splits."""


@lru_cache(maxsize=32)
def metric_made(cls: type[Metric]) -> Metric:
    """Return the metric of a class, the same one every time."""
    return cls()


def quality_once(scores: Scores, metric: Metric, seed: int) -> Interval:
    """Return `quality_interval`."""
    return _quality(scores, metric, seed) if isinstance(metric, Hashable) else quality_interval(scores, metric, seed)


def drop_once(theirs: Scores, ours: Scores, metric: Metric, seed: int, confidence: float = 0.95) -> Interval:
    """Return `drop_interval` of ``ours`` against ``theirs``."""
    if isinstance(metric, Hashable):
        return _drop(theirs, ours, metric, seed, confidence)
    return drop_interval(theirs, ours, metric, seed, confidence)


@lru_cache(maxsize=KEPT)
def _quality(scores: Scores, metric: Metric, seed: int) -> Interval:
    return quality_interval(scores, metric, seed)


@lru_cache(maxsize=KEPT)
def _drop(theirs: Scores, ours: Scores, metric: Metric, seed: int, confidence: float) -> Interval:
    return drop_interval(theirs, ours, metric, seed, confidence)


def latency_once(times: Times, seed: int) -> dict[str, Any]:
    """Return the figures of a latency in ms by their names in a row; none where its interval is too wide to tell anything."""
    return dict(_latency(times, seed))


@lru_cache(maxsize=KEPT)
def _latency(times: Times, seed: int) -> tuple[tuple[str, Any], ...]:
    latency = known(latency_interval(times, seed))
    if latency is None:
        return ()
    samples = [ms for turn in times for ms in turn]
    return (
        ("latency_p50_ms", latency),
        ("latency_mean_ms", statistics.fmean(samples)),
        ("latency_std_ms", statistics.stdev(samples)),
        ("latency_p90_ms", percentile(samples, 90)),
        ("latency_p95_ms", percentile(samples, 95)),
        ("latency_p99_ms", percentile(samples, 99)),
        ("latency_samples", len(samples)),
    )
