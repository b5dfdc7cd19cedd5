"""``results.csv``: one row a candidate, every figure in a column of its own, empty where it was not measured."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from thimble.core.study import Study
from thimble.core.summary import Interval, Row, Summary
from thimble.core.text import cell
from thimble.report._files import write_text

Cell = str | float | int | None


def _value(interval: Interval | None) -> float | None:
    return None if interval is None else interval.value


def _low(interval: Interval | None) -> float | None:
    return None if interval is None else interval.low


def _high(interval: Interval | None) -> float | None:
    return None if interval is None else interval.high


COLUMNS: dict[str, Callable[[Row], Cell]] = {
    "name": lambda row: row.name,
    "recipe": lambda row: row.recipe,
    "runtime": lambda row: row.runtime,
    "status": lambda row: row.status,
    "reason": lambda row: row.reason,
    "size_mb": lambda row: row.size_mb,
    "size_deflated_mb": lambda row: row.size_deflated_mb,
    "parameters": lambda row: row.parameters,
    "nonzero_parameters": lambda row: row.nonzero_parameters,
    "sparsity": lambda row: row.sparsity,
    "macs": lambda row: row.macs,
    "latency_mean_ms": lambda row: row.latency_mean_ms,
    "latency_std_ms": lambda row: row.latency_std_ms,
    "latency_p50_ms": lambda row: _value(row.latency_p50_ms),
    "latency_p95_ms": lambda row: row.latency_p95_ms,
    "speedup": lambda row: _value(row.speedup),
    "speedup_low": lambda row: _low(row.speedup),
    "speedup_high": lambda row: _high(row.speedup),
    "compression": lambda row: row.compression,
    "accuracy": lambda row: _value(row.quality),
    "accuracy_relative": lambda row: row.relative,
    "accuracy_drop": lambda row: _value(row.drop),
    "drop_low": lambda row: _low(row.drop),
    "drop_high": lambda row: _high(row.drop),
    "agreement": lambda row: row.agreement,
    "peak_memory_mb": lambda row: row.memory_mb,
    "load_ms": lambda row: row.load_ms,
    "first_inference_ms": lambda row: row.first_inference_ms,
    "precision": lambda row: row.precision,
    "efficiency": lambda row: row.efficiency,
}
"""What each column shows, in the file's order. MB is 10^6 bytes, percentages are 0 to 100, drops are points."""


class Csv:
    """The table for spreadsheets and programs. Figures have six significant digits, counts all of theirs."""

    files: ClassVar[tuple[str, ...]] = ("results.csv",)

    def write(self, study: Study, summary: Summary, folder: Path) -> list[Path]:
        """Write ``results.csv`` into ``folder``; raises `CannotWrite`."""
        return [write_text(folder / self.files[0], csv_text(summary))]


def csv_text(summary: Summary) -> str:
    """The file's text: a header, then one line for each row."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value(row)) for value in COLUMNS.values()] for row in summary.rows)
    return stream.getvalue()


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else cell(value) if isinstance(value, str) else str(value)
