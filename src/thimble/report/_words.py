"""How a report says a figure: three significant digits, intervals beside their figure, nothing where there is none.

Every text that came from outside (names, error messages, paths) passes through `thimble.core.text` before it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from thimble.core import registry
from thimble.core.text import plain

if TYPE_CHECKING:
    from thimble.core.limit import Limit
    from thimble.core.study import Study, TaskInfo
    from thimble.core.summary import Interval, Row, Summary

WIDE = 2.0
"""An interval whose ends differ by more than this factor."""


def split_note(study: Study, summary: Summary) -> str:
    """Return of which split a table's qualities are, where that is not the one that confirms the choice; else nothing."""
    if summary.split == "test" or summary.split not in study.task.splits:
        return ""
    samples = f"{study.task.splits[summary.split].samples:,} {summary.split} samples"
    return f"{metric_title(study.task).capitalize()} and drop are of the {samples}, which all candidates were scored on."


def decimals(value: float, digits: int = 3) -> int:
    """Places after the point that show ``value`` with ``digits`` significant digits (0 from 100 on)."""
    if value == 0 or not math.isfinite(value):
        return 0
    rounded = float(f"{abs(value):.{digits}g}")
    return max(0, digits - 1 - math.floor(math.log10(rounded)))


def figure(value: float | None, unit: str = "") -> str:
    """Three significant digits, whole numbers from 100 on, thousands set apart; empty for ``None``.

    >>> figure(0.01234), figure(11.78), figure(1234.5, " ms")
    ('0.0123', '11.8', '1,234 ms')
    """
    if value is None:
        return ""
    return f"{_fixed(value, decimals(value))}{unit}"


def interval(value: Interval | None, unit: str = "", most: int = 3) -> str:
    """A figure with its 95 % interval, with as many decimals as its uncertainty leaves a meaning, ``most`` at most.

    The ends of a `WIDE` one have two digits each, so that a low one is never rounded to nothing.

    >>> from thimble.core.summary import Interval
    >>> interval(Interval(3.412, 3.2, 3.6), "x"), interval(Interval(1.008, 1.002, 1.014), "x"), interval(Interval(8.2, 1.43, 46), "x")
    ('3.4x (3.2-3.6)', '1.008x (1.002-1.014)', '8.2x (1.4-46)')
    """
    if value is None:
        return ""
    if value.low > 0 and value.high > WIDE * value.low:
        middle, low, high = (_fixed(end, decimals(end, 2)) for end in (value.value, value.low, value.high))
        return f"{middle}{unit} ({low}-{high})"
    doubt = (value.high - value.low) / 2
    places = decimals(value.value)
    if doubt > 0:
        places = min(decimals(doubt, 1), max(places, 3 if 0.9 < value.value < 1.1 else 0), most)
    low, high = (_fixed(end, places) for end in (value.low, value.high))
    if value.low == value.high:
        return f"{_fixed(value.value, places)}{unit}"
    return f"{_fixed(value.value, places)}{unit} ({low}{' to ' if low.startswith('-') else '-'}{high})"


def points(value: Interval | None, unit: str = "", digits: int = 2) -> str:
    """A difference of qualities with its interval, to so many ``digits`` of its uncertainty, one decimal at least.

    >>> from thimble.core.summary import Interval
    >>> points(Interval(0.17, -0.63, 1.06), " points"), points(Interval(0.17, -0.63, 1.06), digits=1)
    ('0.17 points (-0.63 to 1.06)', '0.2 (-0.6 to 1.1)')
    """
    if value is None:
        return ""
    doubt = (value.high - value.low) / 2
    places = max(1, decimals(doubt, digits)) if doubt > 0 else digits
    low, middle, high = (_fixed(end, places) for end in (value.low, value.value, value.high))
    return f"{middle}{unit}" if value.low == value.high else f"{middle}{unit} ({low} to {high})"


def quality(value: Interval | None, unit: str = "") -> str:
    """A quality with its interval, two decimals where accuracies are quoted so: ``98.67 % (97.5-99.3)``."""
    if value is None:
        return ""
    if abs(value.value) < 10 and unit != " %":
        return interval(value, unit)
    low, high = (_fixed(end, 1) for end in (value.low, value.high))
    return f"{percent(value.value)}{unit} ({low}{' to ' if low.startswith('-') else '-'}{high})"


def percent(value: float | None) -> str:
    """A score with two decimals, as accuracies are quoted; three significant digits below 10; empty for ``None``."""
    return "" if value is None else f"{value:.2f}" if abs(value) >= 10 else figure(value)


def count(value: float | None) -> str:
    """A large whole number in thousands, millions or billions: ``11.7 M``; empty for ``None``."""
    if value is None:
        return ""
    for scale, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= scale * 0.9995:
            return f"{figure(value / scale)}{letter}"
    return f"{value:.0f}"


def byte_count(value: float) -> str:
    """Bytes in MB, or as they are where that would be all zeros: ``11.2 MB``, ``160 bytes``."""
    return f"{value:,.0f} bytes" if value < 10_000 else figure(value / 1e6, " MB")


def bound(value: float, unit: str) -> str:
    """A limit as its user wrote it: ``12 MB``, ``1 point``."""
    return f"{value:g}{unit.removesuffix('s') if value == 1 and unit == ' points' else unit}"


def asked(limit: Limit, most: float, task: TaskInfo, safe: Callable[[str], str] = plain) -> str:
    """A limit in words: ``a drop of at most 1 point``."""
    return limit.asks.format(bound(most, drop_unit(task, safe) if limit.samples else limit.unit))


def times(value: float | None) -> str:
    """A ratio: ``3.96x``; empty for ``None``."""
    return figure(value, "x")


def _fixed(value: float, places: int) -> str:
    text = f"{value:,.{places}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text


def shortened(text: str, length: int) -> str:
    """``text`` with its middle cut out where it is longer than ``length``; both ends tell names apart.

    >>> shortened("a-very-long-name-indeed", 11)
    'a-ver…ndeed'
    """
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def short_names(names: Iterable[str], length: int) -> dict[str, str]:
    """Each name shortened to ``length``, still one of its kind: names that would read alike get a number."""
    short: dict[str, str] = {}
    for name in names:
        text = shortened(plain(name) or "(no name)", length)
        for number in range(2, len(short) + 3):
            if text not in short.values():
                break
            text = f"{shortened(plain(name), length - len(str(number)) - 1)}#{number}"
        short[name] = text
    return short


def metric_title(task: TaskInfo) -> str:
    """The metric in words: ``top_1`` is ``top 1``."""
    return plain(task.metric).replace("_", " ")


def metric_unit(task: TaskInfo, safe: Callable[[str], str] = plain) -> str:
    """Return the suffix of a value of the metric: `` %``, another unit made ``safe`` for the medium, or nothing."""
    return f" {safe(task.unit)}" if task.unit else ""


def drop_unit(task: TaskInfo, safe: Callable[[str], str] = plain) -> str:
    """Return the suffix of a difference of two values: points for percentages, else the metric's own unit."""
    return " points" if task.unit == "%" else metric_unit(task, safe)


def joined(words: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    given = list(words)
    return given[0] if len(given) == 1 else f" {last} ".join([", ".join(given[:-1]), given[-1]]) if given else ""


def unmeasured(row: Row) -> str:
    """Why a row has no figures, in one line: ``failed: out of memory``."""
    reason = plain(row.reason)
    return f"{plain(row.status)}: {reason}" if reason else plain(row.status)


def conditions(study: Study) -> Mapping[str, str]:
    """What a reader needs in order to judge the figures or to repeat them: label and text, in order."""
    env, task = study.environment, study.task
    splits = ", ".join(f"{name} {info.samples:,}" for name, info in task.splits.items())
    run = next((run for run in study.runs if run.id == study.joint_run), None)
    lines = {
        "Model": study.model,
        "Data": f"{task.spec}; samples: {splits or 'none'}",
        "Notes on the data": "; ".join(task.notes),
        "Machine": f"{env.processor}, {env.cores} cores, {env.memory_mb / 1000:.0f} GB of memory, {env.system}",
        "Clock governor": env.governor,
        "Processor features": ", ".join(env.features) or "none that matter for INT8",
        "Threads": str(study.threads),
        "Measuring run": f"{len(run.rounds)} interleaved rounds of {len(run.members)} candidates, batch {run.batch}, seed {run.seed}"
        if run
        else "",
        "Seed": str(study.seed),
        "Versions": ", ".join(f"{name} {version}" for name, version in {"python": env.python, **env.versions}.items()),
        "Thimble": study.thimble,
        "Started": study.started,
        "Took": duration(study.seconds) if study.seconds else "",
        "Search ended": study.ended,
        "Complete": "" if study.complete else "no: the study was interrupted, and candidates may be missing",
    }
    return {label: plain(text) for label, text in lines.items() if text}


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def runtime_title(name: str) -> str:
    """A runtime's name as its makers write it."""
    return plain(registry.runtime_title(name))
