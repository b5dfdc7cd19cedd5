"""What a study says, computed from its raw values: the rows that every report shows, and the recommendation.

`thimble.decide.summarize.summarize` makes a `Summary` of a `Study`; reports write it and compute no number themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from thimble.core.shown import Shown
from thimble.core.study import Advice, Finding
from thimble.core.verdict import Proof, Status


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval; ``f"{interval:.2f}"`` reads ``3.41 (3.20 to 3.61)``."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


@dataclass(frozen=True)
class Row:
    """One candidate's figures. ``None`` is a figure that was not measured, or that the samples don't allow.

    MB is 10^6 bytes; times are milliseconds; ``quality``, ``relative``, ``sparsity`` and ``agreement`` are in
    percent for accuracy-like metrics; ``drop`` is in points against the baseline, positive is worse, and ``p_value``
    that of the exact McNemar test for no difference (right-or-wrong metrics only). ``speedup`` is the baseline's
    latency over this one's, paired round by round; ``compression`` the ratio of sizes.
    ``precision`` is the floating-point type that the runtime said it computes in. ``flash_kib`` and ``ram_kib`` (KiB is 1,024 bytes) are
    the model's file and its arena, of candidates for microcontrollers only.
    ``efficiency`` is quality / (latency_p50 x size). ``probes`` are the single numbers that probes found, by
    ``probe.figure``. ``limits`` says ``met``, ``broken`` or ``not proven`` by
    limit's name. ``reason`` says why it has no figures, ``verdict`` why it was or was not chosen.
    """

    name: str
    title: str
    recipe: str
    runtime: str
    status: Status
    reason: str = ""
    size_mb: float | None = None
    size_deflated_mb: float | None = None
    compression: float | None = None
    parameters: int | None = None
    nonzero_parameters: int | None = None
    sparsity: float | None = None
    macs: int | None = None
    latency_mean_ms: float | None = None
    latency_std_ms: float | None = None
    latency_p50_ms: Interval | None = None
    latency_p90_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None
    latency_samples: int = 0
    speedup: Interval | None = None
    quality: Interval | None = None
    relative: float | None = None
    drop: Interval | None = None
    p_value: float | None = None
    agreement: float | None = None
    sqnr_db: float | None = None
    memory_mb: float | None = None
    load_ms: float | None = None
    first_inference_ms: float | None = None
    precision: str = ""
    flash_kib: float | None = None
    ram_kib: float | None = None
    efficiency: float | None = None
    probes: dict[str, float] = field(default_factory=dict)
    on_frontier: bool = False
    limits: dict[str, Proof] = field(default_factory=dict)
    verdict: str = ""
    findings: tuple[Finding, ...] = ()

    def text(self, figure: str, unit: str = "", spec: str = ".2f") -> str:
        """A figure by its field's name, with its interval where it has one; ``not measured`` where there is none.

        >>> row = Row("int8", "", "", "", Status.OK, "", size_mb=1.5)
        >>> row.text("size_mb", " MB"), row.text("speedup", "x")
        ('1.50 MB', 'not measured')
        """
        value = getattr(self, figure)
        return "not measured" if value is None else f"{value:{spec}}{unit}"


@dataclass(frozen=True)
class Spent:
    """Seconds that a candidate's work took: its steps without training, training, scoring, and its share of measuring runs.

    A step that candidates share counts for the first of them, one from the store for none.
    """

    name: str
    building: float = 0.0
    training: float = 0.0
    scoring: float = 0.0
    timing: float = 0.0

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.building + self.training + self.scoring + self.timing


@dataclass(frozen=True)
class Summary(Shown):
    """The rows in the study's order, the first of them the baseline's, and what follows from them.

    ``recommendation`` is one sentence with its figures and intervals; ``met`` whether the chosen candidate is
    proven to meet the limits. ``best`` maps ``smallest``, ``fastest``, ``most accurate`` and ``most efficient``
    to a row's name. ``findings`` are surprises with their causes, each opening with the candidate's name.
    ``spent`` is what the time went to, candidate by candidate. ``validation`` holds each candidate's figures on
    the validation split by their names in a row, where only a few candidates were scored on test.
    """

    rows: tuple[Row, ...]
    chosen: str | None
    met: bool
    recommendation: str
    best: dict[str, str] = field(default_factory=dict)
    findings: tuple[tuple[str, Finding], ...] = ()
    warnings: tuple[Advice, ...] = ()
    spent: tuple[Spent, ...] = ()
    validation: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def split(self) -> str:
        """The split that `compared` has its qualities of."""
        return "validation" if self.validation else "test"

    @property
    def compared(self) -> tuple[Row, ...]:
        """The rows as tables and pictures show them: with qualities of one split."""
        return tuple(replace(row, **self.validation.get(row.name, {})) for row in self.rows)

    def row(self, name: str) -> Row:
        """The row of that name; raises ``KeyError``."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)
