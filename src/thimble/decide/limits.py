"""Judge figures by the limits that were set, and describe the result; `thimble.core.limit` defines each limit."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

from thimble.core.limit import Limit, Limits, asked_for, set_limits, table
from thimble.core.registry import METRICS
from thimble.core.study import Candidate, Study, TaskInfo
from thimble.core.summary import Interval, Row
from thimble.core.verdict import Proof, Status
from thimble.decide import _words as words
from thimble.decide.rows import row_of
from thimble.stats import non_inferiority, sequential_drop

Scores = tuple[float | tuple[float, ...], ...]


def figure_of(limit: Limit, row: Row) -> Interval | None:
    """Return a row's figure for a limit; an exact one, such as a size, as an interval without width."""
    value = limit.figure(row)
    return value if value is None or isinstance(value, Interval) else Interval(value, value, value)


def beyond(limit: Limit, value: Interval, asked: float) -> Interval:
    """Return how far a figure is beyond a limit; 0 or less if the figure keeps the limit."""
    if limit.least:
        return Interval(asked - value.value, asked - value.high, asked - value.low)
    return Interval(value.value - asked, value.low - asked, value.high - asked)


def figures_of(row: Row, limits: Limits) -> list[tuple[Limit, float, Interval | None]]:
    """Return each limit that is set, what was asked for, and the row's figure."""
    return [(limit, asked, figure_of(limit, row)) for _, limit, asked in set_limits(limits)]


def limits_of(row: Row, limits: Limits) -> dict[str, Proof]:
    """Return ``met``, ``broken`` or ``not proven`` for each limit that was set: ``drop``, ``size``, ``latency``, ``memory``.

    A figure that is missing proves nothing; size and memory are taken as exact.
    """
    found = {}
    for name, limit, asked in set_limits(limits):
        value = figure_of(limit, row)
        found[name] = Proof.NOT_PROVEN if value is None else non_inferiority(beyond(limit, value, asked), 0.0)
    return found


def amount(limit: Limit, value: float, task: TaskInfo) -> str:
    """Return a figure of a limit without its unit."""
    return words.amount(value, task) if limit.samples else words.figure(value)


def said(limit: Limit, value: Interval, task: TaskInfo, early: bool = False) -> str:
    """Return ``takes 11.8 ms (11.5 to 12.1)``; an exact figure without an interval."""
    unit = words.unit_of(task) if limit.samples else limit.unit
    span = f" ({amount(limit, value.low, task)} to {amount(limit, value.high, task)})" if limit.samples or value.low < value.high else ""
    return limit.says.format(f"{amount(limit, value.value, task)}{unit}{span}") + (limit.early if early else "")


def bound(limit: Limit, most: float, task: TaskInfo) -> str:
    """Return a limit with its unit: ``1 point``, ``12 MB``."""
    return words.allowed(most, task) if limit.samples else f"{most:g}{limit.unit}"


def asked(study: Study, name: str) -> str:
    """Return a limit in words: ``a drop of at most 1 point``."""
    limit = table(type(study.limits))[name]
    return limit.asks.format(bound(limit, asked_for(study.limits, name) or 0.0, study.task))


def breach(study: Study, row: Row, name: str) -> str:
    """Return by how much a limit is broken."""
    limit, most = table(type(study.limits))[name], asked_for(study.limits, name) or 0.0
    value = figure_of(limit, row)
    if value is None:
        return f"breaks the limit on {name}"
    return f"{said(limit, value, study.task)}, {_over(limit, beyond(limit, value, most).value, most, study.task)}"


def _over(limit: Limit, missed: float, most: float, task: TaskInfo) -> str:
    """Return ``1.40 over the limit of 10 MB``."""
    return f"{amount(limit, missed, task)} {'under' if limit.least else 'over'} the limit of {bound(limit, most, task)}"


def hopeless(study: Study, name: str) -> str | None:
    """Return why a candidate can't meet the limits any more, whatever else is measured; ``None`` where it still may.

    The drop is judged by an interval that allows for looking at it any number of times, every other figure by the interval
    of its first look; a size is exact.
    """
    candidate, task = study.candidate(name), study.task
    row: Row | None = None
    for _, limit, most in sorted(set_limits(study.limits), key=lambda one: one[1].samples):
        if limit.samples:
            if (lost := _proven_so_far(study, candidate)) is not None and lost[0] > most:
                least = limit.says.format(f"at least {words.amount(lost[0], task)}{words.unit_of(task)}")
                return f"{least} on the first {lost[1]:,} validation samples; the limit is {bound(limit, most, task)}"
            continue
        row = row or row_of(study, replace(candidate, quality={}))
        value = figure_of(limit, row)
        if value is not None and beyond(limit, value, most).low > 0:
            return f"{said(limit, value, task, early=True)}; the limit is {bound(limit, most, task)}"
    return None


def nearest(study: Study, most: int = 3) -> list[tuple[str, str]]:
    """Return the candidates that come nearest to the limits where none meets them, each with its excess; stopped ones too."""
    found = []
    for candidate in study.candidates:
        if candidate.status in (Status.OK, Status.GIVEN_UP):
            worst, why = max(_beyond(study, candidate), default=(0.0, ""))
            if why:
                found.append((worst, candidate.name, why))
    return [(name, why) for _, name, why in sorted(found)[:most]]


def drop_so_far(study: Study, candidate: Candidate) -> float:
    """Return the drop on as many validation samples as were scored."""
    mine, theirs = candidate.quality["validation"], study.candidates[0].quality["validation"]
    n = min(len(mine.scores), len(theirs.scores))
    return _sequential(theirs.scores[:n], mine.scores[:n], mine.metric).value if n else math.inf


def _proven_so_far(study: Study, candidate: Candidate) -> tuple[float, int] | None:
    """Return the lower end of the drop on the validation samples that are scored, and their number."""
    mine, theirs = candidate.quality.get("validation"), study.candidates[0].quality.get("validation")
    if mine is None or theirs is None or not mine.scores or candidate.name == study.candidates[0].name:
        return None
    n = min(len(mine.scores), len(theirs.scores))
    return _sequential(theirs.scores[:n], mine.scores[:n], mine.metric).low, n


@lru_cache(maxsize=512)
def _sequential(theirs: Scores, mine: Scores, metric: str) -> Interval:
    """Return the drop with an interval that allows for any number of looks; the same scores are asked for at every proposal."""
    return sequential_drop(theirs, mine, METRICS.get(metric)())


def _beyond(study: Study, candidate: Candidate) -> list[tuple[float, str]]:
    """Return how far each figure is beyond its limit: as a share of the limit, and in words."""
    row, found = row_of(study, candidate), []
    for name, limit, most in set_limits(study.limits):
        value = figure_of(limit, row)
        if value is None and limit.samples and candidate.quality.get("validation"):
            value = Interval(*[drop_so_far(study, candidate)] * 3)
        if value is not None and (missed := beyond(limit, value, most).value) > 0:
            unit = words.unit_of(study.task) if limit.samples else limit.unit
            told = f"{name} {words.figure(value.value)}{unit}, {words.figure(missed)} {'under' if limit.least else 'over'} the limit of "
            found.append((missed / (abs(most) or 1.0), told + bound(limit, most, study.task)))
    return found
