"""``report.md``: one page that says what worked, what it cost, what to ship and why, and what surprised."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from thimble.core.limit import set_limits
from thimble.core.study import Study
from thimble.core.summary import Row, Summary
from thimble.core.text import markdown as escaped
from thimble.core.text import markdown_code as code
from thimble.report import _words as words
from thimble.report._files import write_text
from thimble.report._prose import Prose
from thimble.report._tradeoffs import tradeoffs

SHORTEST_S = 0.05
"""Seconds below which a table shows none."""


class Markdown:
    """The page of text, in GitHub's Markdown. Every figure comes from the summary, every sentence from a rule."""

    files: ClassVar[tuple[str, ...]] = ("report.md",)

    def write(self, study: Study, summary: Summary, folder: Path) -> list[Path]:
        """Write ``report.md`` into ``folder``; raises `CannotWrite`."""
        return [write_text(folder / self.files[0], markdown_text(study, summary))]


class _Voice:
    def name(self, name: str) -> str:
        return code(name)

    def text(self, text: str) -> str:
        return escaped(text)


def markdown_text(study: Study, summary: Summary) -> str:
    """The whole page."""
    prose = Prose(study, summary, _Voice())
    measured = [row for row in summary.compared if row.size_mb is not None]
    parts = [f"# {escaped(study.name)}: {escaped(study.model)} on {escaped(study.task.name)}", f"**{escaped(summary.recommendation)}**"]
    if not study.complete:
        parts.append("This study is not complete: it was interrupted, and candidates may be missing.")
    if measured:
        parts += [
            "## Which one to ship", _limits(study, summary), *prose.why(), *prose.phone(),
            "## Which worked best", _list(prose.best()),
            "## The candidates", table_text(study, summary, measured),
            "Size is every file that ships, MB is 10^6 bytes. Latency is the median of one inference; speedups are paired with the baseline"
            f" round by round. Brackets hold 95 % intervals. {words.split_note(study, summary)}".rstrip(),
            "![Size, latency, and accuracy against size](optimization_comparison.png)",
            "## Trade-offs", _list(tradeoffs(prose)) or "None is proven by the intervals.",
            "## Surprises and their causes", _list(prose.surprises()) or "No surprise with a known cause.",
        ]  # fmt: skip
    if verdicts := prose.verdicts():
        parts += ["## Why not the others", _list(verdicts)]
    if warnings := prose.warnings():
        parts += ["## Warnings", _list(warnings)]
    if study.ended:
        parts += ["## Where the time went", f"Nothing more was tried: {escaped(study.ended)}.", _times(summary)]
    parts += ["## Conditions", _list([f"{label}: {escaped(text)}" for label, text in words.conditions(study).items()])]
    return "\n\n".join(part for part in parts if part) + "\n"


def table_text(study: Study, summary: Summary, rows: list[Row]) -> str:
    """The candidates as a Markdown table; the chosen one's row is bold."""
    metric = words.metric_title(study.task) + (f" ({study.task.unit})" if study.task.unit else "")
    heads = ("candidate", "runtime", "MB", "smaller", "ms", "faster", metric, "drop")
    lines = [f"| {' | '.join(escaped(head) for head in heads)} |", "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for row in rows:
        cells = [
            code(row.name),
            escaped(words.runtime_title(row.runtime)),
            words.figure(row.size_mb),
            words.times(row.compression),
            words.figure(row.latency_p50_ms.value) if row.latency_p50_ms else "",
            words.interval(row.speedup, "x"),
            words.percent(row.quality.value) if row.quality else "",
            words.points(row.drop),
        ]
        if row.name == summary.chosen:
            cells = [f"**{cell}**" if cell else "" for cell in cells]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _times(summary: Summary) -> str:
    """Seconds by candidate and kind of work, of all that was not in the store already."""
    lines = ["| candidate | building | training | scoring | timing | all |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for one in summary.spent:
        cells = [words.duration(part) if part >= SHORTEST_S else "" for part in (one.building, one.training, one.scoring, one.timing)]
        lines.append(f"| {code(one.name)} | {' | '.join(cells)} | {words.duration(one.seconds)} |")
    return "\n".join(lines)


def _limits(study: Study, summary: Summary) -> str:
    """The limits asked for, and what the chosen candidate is proven to do about each."""
    texts = [words.asked(limit, most, study.task, escaped) for _, limit, most in set_limits(study.limits)]
    if not texts:
        return ""
    chosen = next((row for row in summary.rows if row.name == summary.chosen), None)
    states = ", ".join(f"{escaped(name)} {escaped(state)}" for name, state in chosen.limits.items()) if chosen else ""
    return f"Limits: {words.joined(texts)}; the least {escaped(study.limits.minimize)} wins." + (
        f" Of {code(chosen.name)}: {states}." if chosen and states else ""
    )


def _list(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
