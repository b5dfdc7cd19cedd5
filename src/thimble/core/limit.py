"""The limits that a user can set, in one table: each is a field of `Limits`, whose mark says all that is known of it.

Another limit is one more field (and a probe, where nothing measures its figure yet): the command line, ``study.toml``,
the choice, early stops, verdicts and reports take it from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from thimble.core.bounds import Goal
from thimble.core.option import Option, parted_fields

if TYPE_CHECKING:
    from thimble.core.summary import Interval, Row

LARGEST = 1e9
"""No limit beyond this one is ever missed."""
SHORTEST_MS = 0.001
"""A microsecond: an empty call of any runtime from Python takes longer, so no artifact can be proven below it."""
SMALLEST_KIB = 0.1
SMALLEST_MB = 0.0001
"""A hundred bytes: no format holds a network in less."""


@dataclass(frozen=True)
class Limit(Option):
    """One limit: an option, and how a candidate is judged by it. A field ``max_size`` holds the limit called ``size``; that of a figure
    which has to reach it, ``min_sqnr``, is told apart by ``least``.

    ``figure`` reads a candidate's figure off its row: an interval, an exact number, or ``None`` where it was not measured.
    ``unit`` stands behind the figure, such as `` MB``. A limit with ``samples`` is on a loss of quality: its unit is the
    metric's, and more samples make its interval narrower.

    ``says`` puts a figure into a sentence about a candidate, ``asks`` the limit into one about what is wanted; ``lacks``
    names the figure where it is missing, ``decides`` says what would prove it. ``early`` stands behind a figure that
    rules a candidate out before everything is measured.
    """

    figure: Callable[[Row], Interval | float | None] = lambda row: None
    unit: str = ""
    samples: bool = False
    least: bool = False
    says: str = "has {}"
    asks: str = "at most {}"
    lacks: str = ""
    decides: str = ""
    early: str = ""


def _megabytes(help: str, example: str, **more: Any) -> Limit:
    return Limit(help, example, metavar="MB", unit=" MB", **more)


def _kibibytes(help: str, example: str, **more: Any) -> Limit:
    return Limit(help, example, metavar="KIB", unit=" KiB", **more)


@dataclass(frozen=True)
class Limits:
    """What the user can accept: the table of limits, and the figure to minimize within them.

    ``max_drop`` is in points of the metric's unit; sizes and memory are in MB (10^6 bytes), flash and RAM in KiB, latency (p50) in ms.
    """

    max_drop: (
        Annotated[
            float,
            Meta(ge=0, le=LARGEST),
            Limit(
                "Largest drop in quality, in points of the metric.",
                "1.0",
                metavar="POINTS",
                figure=lambda row: row.drop,
                samples=True,
                says="drops {}",
                asks="a drop of at most {}",
                lacks="quality",
            ),
        ]
        | None
    ) = None
    max_size: (
        Annotated[
            float,
            Meta(ge=SMALLEST_MB, le=LARGEST),
            _megabytes("Largest size of all files that ship (MB is 10^6 bytes).", "5.0", figure=lambda row: row.size_mb, says="is {}"),
        ]
        | None
    ) = None
    max_latency: (
        Annotated[
            float,
            Meta(ge=SHORTEST_MS, le=LARGEST),
            Limit(
                "Largest median latency.",
                "20.0",
                metavar="MS",
                figure=lambda row: row.latency_p50_ms,
                unit=" ms",
                says="takes {}",
                decides="a longer or quieter measurement would decide",
                early=" in a quick check",
            ),
        ]
        | None
    ) = None
    max_memory: (
        Annotated[
            float,
            Meta(ge=SMALLEST_MB, le=LARGEST),
            _megabytes(
                "Largest peak memory above that of the empty runtime.",
                "100.0",
                figure=lambda row: row.memory_mb,
                says="needs {} of memory",
                asks="at most {} of memory",
            ),
        ]
        | None
    ) = None
    minimize: Annotated[Goal, Option("Figure to minimize within the limits.", '"size"')] = "latency"
    min_sqnr: (
        Annotated[
            float,
            Meta(ge=-LARGEST, le=LARGEST),
            Limit(
                "Smallest signal-to-quantization-noise ratio of the first output against the baseline's, in dB.",
                "20.0",
                metavar="DB",
                figure=lambda row: row.sqnr_db,
                unit=" dB",
                least=True,
                says="is {} true to the baseline's outputs",
                asks="at least {} against the baseline's outputs",
                lacks="fidelity",
            ),
        ]
        | None
    ) = None
    max_flash: (
        Annotated[
            float,
            Meta(ge=SMALLEST_KIB, le=LARGEST),
            _kibibytes(
                "Largest model file in a microcontroller's flash, without the interpreter's code (KiB is 1,024 bytes).",
                "512.0",
                figure=lambda row: row.flash_kib,
                says="takes {} of flash",
                asks="at most {} of flash",
                lacks="flash",
            ),
        ]
        | None
    ) = None
    max_ram: (
        Annotated[
            float,
            Meta(ge=SMALLEST_KIB, le=LARGEST),
            _kibibytes(
                "Largest arena for tensors in a microcontroller's RAM (KiB is 1,024 bytes).",
                "128.0",
                figure=lambda row: row.ram_kib,
                says="needs {} of RAM",
                asks="at most {} of RAM",
                lacks="arena",
            ),
        ]
        | None
    ) = None


def table(limits: type[Limits] = Limits) -> dict[str, Limit]:
    """Return every limit by its name: ``drop``, ``size``, ``latency``, ``memory``, ``sqnr``."""
    return {name.partition("_")[2]: mark for name, (_, mark) in parted_fields(limits).items() if isinstance(mark, Limit)}


def asked_for(limits: Limits, name: str) -> float | None:
    """Return what a limit called ``name`` is set to, as it was asked for."""
    value: float | None = getattr(limits, f"{'min' if table(type(limits))[name].least else 'max'}_{name}")
    return value


def set_limits(limits: Limits) -> list[tuple[str, Limit, float]]:
    """Return each limit that is set: its name, what is known of it, and what was asked for."""
    found = ((name, limit, asked_for(limits, name)) for name, limit in table(type(limits)).items())
    return [(name, limit, value) for name, limit, value in found if value is not None]
