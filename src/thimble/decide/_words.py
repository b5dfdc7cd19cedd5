"""Write figures for verdicts: three significant digits, the interval in brackets, units behind."""

from __future__ import annotations

import math
from collections.abc import Iterable

from thimble.core.study import TaskInfo
from thimble.core.summary import Interval


def figure(value: float) -> str:
    """Return a figure with three significant digits, whole numbers from 100 on.

    >>> figure(0.01234), figure(11.78), figure(1234.5)
    ('0.0123', '11.8', '1,234')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    places = max(0, 2 - math.floor(math.log10(float(f"{abs(value):.3g}"))))
    return f"{value:,.{min(places, 6)}f}"


def span(value: Interval, unit: str) -> str:
    """Return ``11.8 ms (11.5 to 12.1)``."""
    return f"{figure(value.value)}{unit} ({figure(value.low)} to {figure(value.high)})"


def times(ratio: Interval) -> str:
    """Return ``6.21x (6.16 to 6.25)``."""
    return f"{figure(ratio.value)}x ({figure(ratio.low)} to {figure(ratio.high)})"


def speed(ratio: Interval, than: str) -> str:
    """Return ``6.21x faster than the baseline (6.16 to 6.25)``; a slowdown as its inverse; only what is proven.

    >>> speed(Interval(0.5, 0.4, 0.625), "onnx")
    '2.00x slower than onnx (1.60 to 2.50)'
    """
    if ratio.low > 1:
        return f"{figure(ratio.value)}x faster than {than} ({figure(ratio.low)} to {figure(ratio.high)})"
    if ratio.high < 1:
        return f"{figure(1 / ratio.value)}x slower than {than} ({figure(1 / ratio.high)} to {figure(1 / ratio.low)})"
    return f"not proven faster or slower than {than} ({figure(ratio.value)}x its speed, {figure(ratio.low)} to {figure(ratio.high)})"


def amount(value: float, task: TaskInfo) -> str:
    """Return a difference of two qualities without its unit: hundredths of a point, or three digits.

    >>> amount(0.666, TaskInfo("", "", "accuracy", "%", True, (), {}))
    '0.67'
    """
    text = f"{value:.2f}" if task.unit == "%" else figure(value)
    return text.removeprefix("-") if not text.strip("-0.") else text


def points(drop: Interval, task: TaskInfo, what: str = "") -> str:
    """Return ``0.67 points (0.03 to 1.70)``, with ``what`` before the bracket."""
    low, high = (amount(end, task) for end in (drop.low, drop.high))
    return f"{amount(drop.value, task)}{unit_of(task)}{what} ({low} to {high})"


def unit_of(task: TaskInfo) -> str:
    """Return the unit of a difference of two qualities."""
    return " points" if task.unit == "%" else f" {task.unit}" if task.unit else ""


def allowed(limit: float, task: TaskInfo) -> str:
    """Return a limit on the drop with its unit: ``1 point``, ``2 points``, ``0.05``."""
    return f"{limit:g}{' point' if task.unit == '%' and limit == 1 else unit_of(task)}"


def joined(words: Iterable[str], last: str = "and") -> str:
    """Return ``a, b and c``."""
    given = list(words)
    return given[0] if len(given) == 1 else f"{', '.join(given[:-1])} {last} {given[-1]}" if given else ""


def counted(number: int, singular: str) -> str:
    """Return ``1 sample``, ``600 samples``, ``1,234 samples``."""
    return f"{number:,} {singular}{'' if number == 1 else 's'}"
