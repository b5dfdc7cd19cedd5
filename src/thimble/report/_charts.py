"""What the page's pictures are drawn from: one JSON value, with every figure's text already written."""

from __future__ import annotations

from typing import Any

from thimble.core.study import Run, Study
from thimble.core.summary import Interval, Row, Summary
from thimble.core.text import plain
from thimble.core.verdict import Status
from thimble.report import _words as words
from thimble.report._palette import BASELINE, looks
from thimble.report._scatter import floor_of
from thimble.report.csv import csv_text
from thimble.report.markdown import table_text

MOST_SAMPLES = 40_000
"""Above this many timings a run is drawn by each round's first ones, so that the page stays small."""


def chart_data(study: Study, summary: Summary) -> dict[str, Any]:
    """Rows in the study's order with their looks, the axes' ends, the limits, the rounds, and the table as text to copy."""
    measured = [row for row in summary.compared if row.status == Status.OK and row.size_mb is not None]
    style = looks(row.runtime for row in measured)
    sign = 1 if study.task.higher_is_better else -1
    metric = words.metric_title(study.task)
    lines = csv_text(summary).splitlines()
    table = table_text(study, summary, list(summary.compared)).splitlines()
    return {
        "rows": [_row(i, row, study, summary, style) for i, row in enumerate(summary.compared)],
        "runtimes": [
            {"name": words.runtime_title(name), "colour": look.colour, "shape": look.shape} for name, look in style.items()
        ],
        "metricName": metric,
        "metric": metric + (f" ({study.task.unit})" if study.task.unit else ""),
        "up": sign > 0,
        "percent": study.task.unit == "%",
        "floor": _finite(sign * floor_of([sign * row.quality.value for row in measured if row.quality])),
        "limits": _limits(study, summary),
        "runs": _rounds(shown_runs(study)),
        "csv": lines,
        "markdown": [table[:2], *([line] for line in table[2:])],
    }  # fmt: skip


def _row(i: int, row: Row, study: Study, summary: Summary, style: dict[str, Any]) -> dict[str, Any]:
    look = style.get(row.runtime)
    return {
        "id": i,
        "name": plain(row.name),
        "key": row.name,
        "recipe": plain(row.recipe),
        "runtime": words.runtime_title(row.runtime),
        "colour": BASELINE if i == 0 or look is None else look.colour,
        "shape": "circle" if look is None else look.shape,
        "baseline": i == 0,
        "chosen": row.name == summary.chosen,
        "frontier": row.on_frontier,
        "size": row.size_mb if row.status == Status.OK else None,
        "latency": _ends(row.latency_p50_ms),
        "quality": _ends(row.quality),
        "sizeText": _joined(words.figure(row.size_mb, " MB"), words.times(row.compression)),
        "latencyText": _joined(words.interval(row.latency_p50_ms, " ms"), words.interval(row.speedup, "x")),
        "speedText": _joined(words.figure(row.latency_p50_ms.value, " ms") if row.latency_p50_ms else "", words.interval(row.speedup, "x")),
        "qualityText": words.quality(row.quality, words.metric_unit(study.task)),
        "dropText": words.points(row.drop, words.drop_unit(study.task)),
    }  # fmt: skip


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _ends(value: Interval | None) -> list[float] | None:
    return None if value is None else [value.value, value.low, value.high]


def _limits(study: Study, summary: Summary) -> dict[str, float | None]:
    """The limits as lines in the pictures; that of quality is the baseline's less what may be lost."""
    limits = study.limits
    first = summary.rows[0].quality if summary.rows else None
    sign = 1 if study.task.higher_is_better else -1
    quality = None if limits.max_drop is None or first is None else first.value - sign * limits.max_drop
    return {"size": limits.max_size, "latency": limits.max_latency, "quality": quality}


def shown_runs(study: Study) -> list[Run]:
    """The closing run, the last run of each candidate that was not in it, and every run of a single member (a sustained one)."""
    joint = next((run for run in study.runs if run.id == study.joint_run), None)
    last: dict[str, Run] = {name: run for run in study.runs for name in run.members}
    absent = [run for name, run in last.items() if joint is None or name not in joint.members]
    alone = [run for run in study.runs if len(run.members) == 1]
    found = {run.id: run for run in (*([joint] if joint else []), *absent, *alone) if run.rounds}
    return list(found.values())


def _rounds(runs: list[Run]) -> list[dict[str, Any]]:
    """Each run's raw timings by member, and when each round began."""
    total = sum(len(samples) for run in runs for one in run.rounds for samples in one.samples_ms.values())
    cells = sum(len(run.rounds) * len(run.members) for run in runs)
    most = max(1, MOST_SAMPLES // cells) if total > MOST_SAMPLES else None
    return [
        {
            "at": [round(one.at_s, 2) for one in run.rounds],
            "ms": {
                name: [[float(f"{ms:.4g}") for ms in one.samples_ms.get(name, ())[:most]] for one in run.rounds] for name in run.members
            },
            "reference": run.reference,
        }
        for run in runs
    ]


def _finite(value: float) -> float | None:
    return value if abs(value) != float("inf") else None
