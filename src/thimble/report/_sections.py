"""The words of the page, section by section, as plain values that its template sets and escapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from thimble.core.limit import set_limits
from thimble.core.study import Candidate, StepRecord, Study
from thimble.core.summary import Row, Summary
from thimble.core.text import html, plain
from thimble.report import _words as words
from thimble.report._charts import shown_runs
from thimble.report._notes import note
from thimble.report._prose import Prose
from thimble.report._tradeoffs import tradeoffs

TECHNIQUES = {
    "quantize": "quantization",
    "prune": "pruning",
    "finetune": "fine-tuning",
    "distill": "distillation",
    "half": "FP16",
    "fp16": "FP16",
}
"""What a step does, by a word in its name."""
MOST_BARS = 15
"""Operators and layers that are listed by name; the rest are summed up in a line."""


class _Voice:
    """Names in code style. Whatever is escaped here stays escaped, whatever isn't is escaped by the template."""

    def name(self, name: str) -> str:
        return f"<code>{html(name)}</code>"

    def text(self, text: str) -> str:
        return str(html(text))


def sections(study: Study, summary: Summary) -> dict[str, Any]:
    """Everything that the template names."""
    prose = Prose(study, summary, _Voice())
    measured = any(row.size_mb is not None for row in summary.rows)
    chosen = next((row for row in summary.rows if row.name == summary.chosen), None)
    return {
        "title": f"{plain(study.name)}: {plain(study.model)} on {plain(study.task.name)}",
        "heading": plain(study.model),
        "study_name": plain(study.name),
        "task_name": plain(study.task.name),
        "machine": plain(study.environment.processor),
        "threads": study.threads,
        "started": plain(study.started[:10]),
        "complete": study.complete,
        "recommendation": plain(summary.recommendation),
        "why": next(iter(_marked(prose.why())), ""),
        "met": summary.met,
        "tiles": _tiles(study, chosen) if chosen else [],
        "limit_states": _limit_states(study, chosen),
        "phone": _marked(prose.phone()) if measured else [],
        "metric": words.metric_title(study.task),
        "unit": plain(study.task.unit),
        "rows": [_row(i, row, study, summary) for i, row in enumerate(summary.compared)],
        "split": summary.split,
        "measured": measured,
        "runtimes": list(dict.fromkeys(words.runtime_title(row.runtime) for row in summary.rows)),
        "techniques": list(dict.fromkeys(technique for row in summary.rows for technique in techniques(row.recipe))),
        "best": _marked(prose.best()),
        "tradeoffs": _marked(tradeoffs(prose)),
        "surprises": _marked(prose.surprises()),
        "warnings": _marked(prose.warnings()),
        "ended": plain(study.ended),
        "spent": _spent(summary) if study.ended else [],
        "conditions": words.conditions(study),
        "details": [_details(i, row, study, summary, prose) for i, row in enumerate(summary.rows)],
    }


def techniques(recipe: str) -> list[str]:
    """The techniques that a recipe's text names; an export by itself is ``FP32``."""
    names = [step.partition("(")[0].strip() for step in recipe.split(" + ")]
    found = [technique for name in names for word, technique in TECHNIQUES.items() if word in name]
    return list(dict.fromkeys(found)) or ["FP32"]


def _marked(lines: list[str]) -> list[Any]:
    """Sentences whose foreign parts their voice has escaped already."""
    from markupsafe import Markup

    return [Markup(line) for line in lines]


def _tiles(study: Study, row: Row) -> list[dict[str, str]]:
    """The chosen one's figures, large."""
    quality = words.percent(row.quality.value) + words.metric_unit(study.task) if row.quality else ""
    tiles = [
        ("Size", words.figure(row.size_mb, " MB"), f"{words.times(row.compression)} smaller" if row.compression else ""),
        ("Latency", words.figure(row.latency_p50_ms.value, " ms") if row.latency_p50_ms else "", words.interval(row.speedup, "x")),
        (words.metric_title(study.task).capitalize(), quality, f"drop {words.points(row.drop)}" if row.drop else ""),
        ("Memory", words.figure(row.memory_mb, " MB"), "above the empty runtime" if row.memory_mb is not None else ""),
    ]
    return [{"label": label, "value": value, "note": note} for label, value, note in tiles if value]


def _limit_states(study: Study, row: Row | None) -> list[dict[str, str]]:
    states = row.limits if row else {}
    return [
        {"text": words.asked(limit, most, study.task), "state": states.get(name, "not judged")}
        for name, limit, most in set_limits(study.limits)
    ]


def _row(i: int, row: Row, study: Study, summary: Summary) -> dict[str, Any]:
    """One line of the table: texts to show, and numbers to sort by."""

    def cell(text: str, value: float | None) -> dict[str, Any]:
        return {"text": text, "sort": "" if value is None else f"{value:.9g}"}

    latency, speed, quality, drop = row.latency_p50_ms, row.speedup, row.quality, row.drop
    return {
        "id": i,
        "name": plain(row.name),
        "title": plain(row.title),
        "recipe": plain(row.recipe),
        "runtime": words.runtime_title(row.runtime),
        "techniques": techniques(row.recipe),
        "chosen": row.name == summary.chosen,
        "baseline": i == 0,
        "frontier": row.on_frontier,
        "measured": row.size_mb is not None,
        "status": row.status,
        "reason": plain(row.reason),
        "cells": [
            cell(words.figure(row.size_mb), row.size_mb),
            cell(words.times(row.compression), row.compression),
            cell(words.figure(latency.value) if latency else "", latency.value if latency else None),
            cell(words.interval(speed, "x"), speed.value if speed else None),
            cell(words.percent(quality.value) if quality else "", quality.value if quality else None),
            cell(words.points(drop), drop.value if drop else None),
            cell(words.figure(row.memory_mb), row.memory_mb),
        ],
    }


def _details(i: int, row: Row, study: Study, summary: Summary, prose: Prose) -> dict[str, Any]:
    """What is known of one candidate."""
    candidate = next((one for one in study.candidates if one.name == row.name), None)
    facts = {
        "Recipe": row.recipe,
        "Runtime": words.runtime_title(row.runtime),
        "Size": words.figure(row.size_mb, " MB"),
        "Deflated": words.figure(row.size_deflated_mb, " MB"),
        "Parameters": words.count(row.parameters),
        "Zero weights": words.figure(row.sparsity, " %") if row.sparsity and row.sparsity >= 0.05 else "",
        "MACs": words.count(row.macs),
        "Latency": words.interval(row.latency_p50_ms, " ms"),
        "Mean and deviation": f"{words.figure(row.latency_mean_ms)} ms, {words.figure(row.latency_std_ms)} ms"
        if row.latency_mean_ms
        else "",
        "Percentiles": _percentiles(row),
        "Load": words.figure(row.load_ms, " ms"),
        "First inference": words.figure(row.first_inference_ms, " ms"),
        "Computes in": row.precision or words.figure(None),
        words.metric_title(study.task).capitalize(): words.quality(row.quality, words.metric_unit(study.task)),
        "Drop": words.points(row.drop, words.drop_unit(study.task)),
        "Agreement with the baseline": words.percent(row.agreement) + " %" if row.agreement is not None else "",
        "Output SQNR": words.figure(row.sqnr_db, " dB"),
        "Throughput": _throughput(candidate),
    }
    return {
        "id": i,
        "name": plain(row.name),
        "title": plain(row.title),
        "chosen": row.name == summary.chosen,
        "status": row.status,
        "reason": plain(row.reason),
        "verdict": plain(row.verdict),
        "facts": {label: plain(text) for label, text in facts.items() if text},
        "steps": _steps(candidate, study, summary) if candidate else [],
        "bytes": _bars(candidate.size.bytes_by_type if candidate and candidate.size else {}, words.byte_count),
        "operators": _bars(candidate.operators_ms if candidate else {}, partial(words.figure, unit=" ms")),
        "sensitivity": _bars(candidate.sensitivity_db if candidate else {}, partial(words.figure, unit=" dB"), least_first=True),
        "findings": _marked([prose.finding(finding) for finding in row.findings]),
        "probes": _probes(candidate),
        "rounds": [
            {"run": i, "members": len(run.members), "rounds": len(run.rounds)}
            for i, run in enumerate(shown_runs(study))
            if row.name in run.members
        ],
    }


def _percentiles(row: Row) -> str:
    named = (("p90", row.latency_p90_ms), ("p95", row.latency_p95_ms), ("p99", row.latency_p99_ms))
    known = [f"{name} {words.figure(value)} ms" for name, value in named if value is not None]
    if not known:
        return ""
    absent = words.joined(name for name, value in named if value is None)
    few = f"; too few for {absent}" if absent else ""
    return f"{', '.join(known)}, from {row.latency_samples:,} samples{few}"


def _throughput(candidate: Candidate | None) -> str:
    if candidate is None:
        return ""
    return ", ".join(f"{words.figure(value)}/s at batch {batch}" for batch, value in candidate.throughput.items())


def _steps(candidate: Candidate, study: Study, summary: Summary) -> list[dict[str, Any]]:
    """The chain: after each step, what the network then was, and the candidate that stopped there, if any did.

    A figure is told apart from the last one known before it: ``new`` where the step changed it, else ``same``.
    """
    rows = {row.name: row for row in summary.rows if row.size_mb is not None}
    chain: list[dict[str, Any]] = []
    last = ["", "", "", ""]
    for i, step in enumerate(candidate.steps):
        same = next((rows[name] for name in _stopping_at(candidate, i, study) if name in rows), None)
        figures = [
            words.count(step.parameters),
            words.count(step.macs),
            words.figure(same.size_mb, " MB") if same else "",
            words.percent(same.quality.value) + words.metric_unit(study.task) if same and same.quality else "",
        ]
        kinds = ["" if not text or not old else "same" if text == old else "new" for text, old in zip(figures, last, strict=True)]
        last = [text or old for text, old in zip(figures, last, strict=True)]
        chain.append(
            {
                "text": plain(step.text),
                "format": plain(step.format),
                "took": _took(step),
                "figures": [{"text": text, "kind": kind} for text, kind in zip(figures, kinds, strict=True)],
                "as": plain(same.name) if same else "",
                "notes": "; ".join(f"{plain(key).replace('_', ' ')}: {note(value)}" for key, value in step.notes.items() if value != []),
            }
        )
    return chain


def _stopping_at(candidate: Candidate, i: int, study: Study) -> list[str]:
    """Candidates whose network is what this one's was after its step ``i``: itself at the end, else those that took the
    same steps so far and none after but an export, the shortest chain first.
    """
    if i == len(candidate.steps) - 1:
        return [candidate.name]
    keys = [step.key for step in candidate.steps[: i + 1]]
    found = [
        other
        for other in study.candidates
        if [step.key for step in other.steps[: i + 1]] == keys and all(step.name.startswith("to_") for step in other.steps[i + 1 :])
    ]
    return [other.name for other in sorted(found, key=lambda other: len(other.steps))]


def _took(step: StepRecord) -> str:
    return "from the store" if step.cached else words.figure(step.seconds, " s")


def _bars(values: Mapping[str, float], write: Callable[[float], str], least_first: bool = False) -> list[dict[str, Any]]:
    """Name, text and length (percent of the longest) of each bar, the longest first or the shortest."""
    sign = 1 if least_first else -1
    ordered = sorted(((name, value) for name, value in values.items() if value), key=lambda item: sign * item[1])
    most = max((abs(value) for _, value in ordered), default=0)
    bars = [
        {"name": plain(name), "text": write(value), "width": f"{100 * max(0.0, value) / most:.1f}"} for name, value in ordered[:MOST_BARS]
    ]
    if len(ordered) > MOST_BARS:
        bars.append({"name": f"and {len(ordered) - MOST_BARS} more", "text": "", "width": "0"})
    return bars


def _spent(summary: Summary) -> list[dict[str, Any]]:
    """A bar for each candidate, in parts: where each begins and how long it is, in percent of the longest bar."""
    most = max((one.seconds for one in summary.spent), default=0.0)
    bars = []
    for one in summary.spent:
        begin, parts = 0.0, []
        for kind in ("building", "training", "scoring", "timing"):
            seconds = getattr(one, kind)
            if seconds > 0:
                parts.append({"kind": kind, "x": f"{100 * begin / most:.2f}", "width": f"{100 * seconds / most:.2f}"})
                begin += seconds
        told = ", ".join(f"{part['kind']} {words.duration(getattr(one, part['kind']))}" for part in parts)
        bars.append({"name": plain(one.name), "text": words.duration(one.seconds), "told": told, "parts": parts})
    return bars


def _probes(candidate: Candidate | None) -> dict[str, dict[str, str]]:
    """What other probes left, in words."""
    if candidate is None:
        return {}
    return {
        plain(probe): {plain(key).replace("_", " "): note(value) for key, value in values.items()}
        for probe, values in candidate.probes.items()
    }
