"""Judge a new artifact by what it may cost against an old one: pure functions of stored studies."""

from __future__ import annotations

from thimble.core.check import Bounds, Check, Figure
from thimble.core.errors import BadInput
from thimble.core.study import Advice, Study
from thimble.core.summary import Interval
from thimble.core.values import MB
from thimble.decide import _words as words
from thimble.decide.compare import drop_between, ratio_between
from thimble.stats import non_inferiority

Member = tuple[Study, str]
"""A study, and the name of a candidate in it."""


def judge(old: Member, new: Member, bounds: Bounds) -> Check:
    """Return every figure of the new artifact against the old one. What can't be compared is not proven, with the reason."""
    latency, how, warnings = _latency(old, new, bounds)
    figures = (latency, _size(old, new, bounds), _quality(old, new, bounds))
    return Check(old[1], new[1], tuple(one for one in figures if one.change is not None or one.most is not None), how, warnings)


def _latency(old: Member, new: Member, bounds: Bounds) -> tuple[Figure, str, tuple[Advice, ...]]:
    most = None if bounds.latency is None else 100 * bounds.latency
    try:
        ratio, how, runs = ratio_between(*old, *new)
    except BadInput as error:
        return _figure("latency", None, " %", most, str(error)), "", ()
    change = Interval(*(100 * (1 / value - 1) for value in (ratio.value, ratio.high, ratio.low)))
    advice = tuple(dict.fromkeys(one for run in runs for one in run.warnings if one.member in (None, old[1], new[1])))
    return _figure("latency", change, " %", most), how, advice


def _size(old: Member, new: Member, bounds: Bounds) -> Figure:
    most = None if bounds.size is None else 100 * bounds.size
    sizes = [study.candidate(name).size for study, name in (old, new)]
    if sizes[0] is None or sizes[1] is None or not sizes[0].bytes:
        return _figure("size", None, " %", most, "one of the two was not weighed")
    growth = 100 * (sizes[1].bytes / sizes[0].bytes - 1)
    return _figure("size", Interval(growth, growth, growth), " %", most, f"{sizes[1].bytes / MB:.3g} MB after {sizes[0].bytes / MB:.3g} MB")


def _quality(old: Member, new: Member, bounds: Bounds) -> Figure:
    drop = drop_between(old[0], old[0].candidate(old[1]), new[0].candidate(new[1]))
    unit = words.unit_of(new[0].task)
    reason = new[0].task.metric if drop else "the two were not scored on the same samples by the same metric"
    return _figure("quality", drop, unit, bounds.quality, reason)


def _figure(name: str, change: Interval | None, unit: str, most: float | None, reason: str = "") -> Figure:
    unknown = Interval(0.0, -float("inf"), float("inf"))
    return Figure(name, change, unit, most, None if most is None else non_inferiority(change or unknown, most), reason)
