"""The answer of `thimble compare-runtimes`: a row for each candidate and number of threads."""

from __future__ import annotations

from dataclasses import dataclass

from thimble.core.shown import Shown
from thimble.core.summary import Interval


@dataclass(frozen=True)
class RuntimeRow:
    """One candidate with one number of threads. ``None`` is a figure that was not measured.

    Times are milliseconds, MB is 10^6 bytes; ``speedup`` is against the model as given with as many threads, round by round.
    ``memory_mb`` is the peak above the empty runtime. ``largest`` is the largest difference of any output number from the model as
    given, ``reach`` the largest output number there, ``sqnr_db`` the signal to noise of all of them (200: nothing differs).
    ``precision`` is the floating-point type that the runtime says it computes in. ``reason`` says why there are no figures.
    """

    name: str
    runtime: str
    recipe: str
    threads: int
    status: str
    reason: str = ""
    precision: str = ""
    size_mb: float | None = None
    load_ms: float | None = None
    first_ms: float | None = None
    p50_ms: Interval | None = None
    p95_ms: float | None = None
    speedup: Interval | None = None
    memory_mb: float | None = None
    largest: float | None = None
    reach: float | None = None
    sqnr_db: float | None = None


@dataclass(frozen=True)
class RuntimesCompared(Shown):
    """A model in every runtime: what it was, which data outputs were compared on (empty: noise), the rows, and warnings."""

    model: str
    data: str
    rows: tuple[RuntimeRow, ...]
    warnings: tuple[str, ...] = ()
