"""What a study decides, without its raw rounds: what ``--json`` prints, under a schema with a version.

History of the schema, which counts every answer of ``--json`` (docs/json.md):

1. the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from thimble.core.limit import Limits
from thimble.core.study import Advice, Environment
from thimble.core.summary import Row

SCHEMA = 1
"""Grows when a field is removed or changes its meaning; a new field doesn't change it."""


@dataclass(frozen=True)
class Data:
    """The data of a study: how they were asked for, the metric and its unit, and the number of samples by split."""

    spec: str
    name: str
    metric: str
    unit: str
    higher_is_better: bool
    samples: dict[str, int]


@dataclass(frozen=True)
class Details:
    """What is known of one candidate beside its row: samples per second by batch size, milliseconds by operator, bytes by
    data type, the signal-to-noise ratio in dB with only that layer quantized, and what each probe found."""

    throughput: dict[str, float] = field(default_factory=dict)
    operators_ms: dict[str, float] = field(default_factory=dict)
    bytes_by_type: dict[str, int] = field(default_factory=dict)
    sensitivity_db: dict[str, float | None] = field(default_factory=dict)
    probes: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """A study's rows with their verdicts, intervals and causes, and what to ship.

    ``rows`` stand in the study's order, the baseline first; ``details`` are by candidate. ``chosen`` is the candidate to
    ship, ``met`` whether it is proven to meet every limit, ``recommendation`` says both in one sentence. ``best`` maps
    ``smallest``, ``fastest``, ``most accurate`` and ``most efficient`` to a candidate. ``complete`` is false where the study
    was cut off.
    """

    study: str
    model: str
    data: Data
    environment: Environment
    threads: int
    seed: int
    limits: Limits
    complete: bool
    seconds: float
    chosen: str | None
    met: bool
    recommendation: str
    rows: tuple[Row, ...]
    best: dict[str, str] = field(default_factory=dict)
    warnings: tuple[Advice, ...] = ()
    details: dict[str, Details] = field(default_factory=dict)
    started: str = ""
    thimble: str = ""
