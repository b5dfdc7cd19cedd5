"""Has the warm-up ended, and what is odd about a series of rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from thimble.core.study import Advice
from thimble.stats.rounds import Rounds, latency_interval, ratio_interval, speedup_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTABLE = 0.05
"""A relative difference of medians that is worth a warning."""


def steady(samples: Sequence[float], tolerance: float = 0.02) -> bool:
    """Return whether warm-up is over: the median of the last quarter of the samples equals that of the quarter before.

    A quarter is at least three samples, so the answer is no below six. Equal means within ``tolerance``, or
    within 1.5 standard errors of what the scatter of those samples leaves. The quarters grow with the series:
    the early, slow samples drop out of both, and noise averages out.
    """
    width = max(3, len(samples) // 4)
    if len(samples) < 2 * width:
        return False
    before = np.asarray(samples[-2 * width : -width], dtype=np.float64)
    last = np.asarray(samples[-width:], dtype=np.float64)
    middle = float(np.median(before))
    error = 1.2533 * np.hypot(_scale(before), _scale(last)) / np.sqrt(width)
    return bool(abs(np.median(last) - middle) <= max(tolerance * middle, 1.5 * error))


def diagnose(
    rounds: Rounds,
    member: str | None = None,
    precision: float | None = None,
    reference: Rounds | None = None,
    openings: Sequence[int] | None = None,
) -> list[Advice]:
    """Return warnings with advice about one member's rounds of times in ms; an empty list if nothing is odd.

    Codes are stable: ``first-round``, ``trend``, ``two-modes``, ``wide-interval``. ``precision`` is the half-width of
    the interval that was asked for, relative (0.02 for +-2 %); without it 5 % is wide. With the ``reference``'s times
    of the same rounds it is the interval of the speedup that has to be so narrow, else that of the latency. With ``openings``
    that is the whole of `thimble.stats.speedup_interval`, without them the rounds' part.
    """
    if not len(rounds):
        return []
    medians = np.array([float(np.median(times)) for times in rounds])
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("first-round", lambda: _first_round(medians)),
        ("trend", lambda: _trend(medians)),
        ("two-modes", lambda: _two_modes(np.concatenate([np.asarray(times, dtype=np.float64) for times in rounds]))),
        ("wide-interval", lambda: _wide(rounds, precision, reference, openings)),
    )
    return [Advice(code, text, member) for code, check in checks if (text := check())]


def _scale(values: NDArray[Any]) -> float:
    """Standard deviation of the bulk: the median absolute deviation, scaled for the normal distribution."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _first_round(medians: NDArray[Any]) -> str:
    if len(medians) < 6:
        return ""
    rest = medians[1:]
    middle = float(np.median(rest))
    excess = float(medians[0]) - middle
    if abs(excess) <= max(NOTABLE * middle, 5 * _scale(rest)):
        return ""
    return (
        f"the first round took {medians[0]:.3g} ms and the others {middle:.3g}: the warm-up ended too early; "
        "warm up longer, or leave the first round out"
    )


def _trend(medians: NDArray[Any]) -> str:
    """A drift over the run: last third against first third, beyond what their scatter explains."""
    third = len(medians) // 3
    if third < 4:
        return ""
    first, last = medians[:third], medians[-third:]
    start, end = float(np.median(first)), float(np.median(last))
    error = 1.2533 * np.hypot(_scale(first), _scale(last)) / np.sqrt(third)
    if abs(end - start) <= max(NOTABLE * start, 5 * error):
        return ""
    change = 100 * (end / start - 1)
    return (
        f"latency drifted by {change:+.0f} % during the run, from {start:.3g} to {end:.3g} ms: the clock or the load of the machine "
        "changed; ratios paired by round still hold, milliseconds don't; let it cool down or fix the clock, and measure again"
    )


def _two_modes(samples: NDArray[Any]) -> str:
    """Describe two modes with a valley between them: the middle half of the range holds far fewer samples than either mode."""
    logs = np.log(samples)
    if len(logs) < 40 or np.ptp(logs) < NOTABLE:
        return ""
    ordered = np.sort(logs)
    n = len(ordered)
    sums = np.cumsum(ordered)
    counts = np.arange(1, n)
    between = (sums[:-1] / counts - (sums[-1] - sums[:-1]) / (n - counts)) ** 2 * counts * (n - counts)
    cut = int(np.argmax(between)) + 1
    share = min(cut, n - cut) / n
    fast, slow = float(np.median(ordered[:cut])), float(np.median(ordered[cut:]))
    apart = slow - fast
    valley = float(np.mean((ordered > fast + apart / 4) & (ordered < slow - apart / 4)))
    if share < 0.15 or apart < NOTABLE or valley > share / 4:
        return ""
    return (
        f"latency has two modes: {100 * cut / n:.0f} % near {np.exp(fast):.3g} ms and the rest near {np.exp(slow):.3g} ms; the "
        "clock, another program or cores of two kinds changed the speed. Fix the clock, pin the threads, or quote both"
    )


def _wide(rounds: Rounds, precision: float | None, reference: Rounds | None, openings: Sequence[int] | None) -> str:
    if reference is None:
        found = latency_interval(rounds)
    else:
        found = ratio_interval(reference, rounds) if openings is None else speedup_interval(reference, rounds, openings=openings)
    half = (found.high - found.low) / 2 / found.value
    asked = NOTABLE if precision is None else precision
    if half <= asked:
        return ""
    factor = (half / asked) ** 2
    longer = "measure longer, or " if factor < 1.5 else f"measure about {factor:.0f} times as long, or " if factor < 20 else "measure "
    advice = f"{longer}on a quieter machine"
    whose = "latency" if reference is None else "speedup"
    return f"the interval of the {whose} is ±{100 * half:.1f} %, wider than {100 * asked:g} %: {advice}"
