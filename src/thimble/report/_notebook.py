"""Values as fragments of HTML for notebooks: a sentence, a table, a list. They bring no style and no script."""

from __future__ import annotations

from collections.abc import Iterable

from thimble.core.study import Candidate, Finding, Study
from thimble.core.summary import Row, Summary
from thimble.core.text import html
from thimble.core.values import MB
from thimble.core.verdict import Status
from thimble.report import _words as words

NUMBER = ' style="text-align: right"'


def study_html(study: Study, summary: Summary) -> str:
    """The recommendation, then the candidates."""
    head = f"<p><b>{html(study.name)}</b>: {html(study.model)} on {html(study.task.name)}, {html(study.environment.processor)}</p>"
    metric = words.metric_title(study.task) + (f" ({study.task.unit})" if study.task.unit else "")
    return head + _sentence(summary) + _table(summary, metric)


def summary_html(summary: Summary) -> str:
    """The recommendation, then the candidates, the metric unnamed."""
    return _sentence(summary) + _table(summary, "quality")


def candidate_html(candidate: Candidate) -> str:
    """A candidate's recipe, state, size, and the causes that were found."""
    size = f"{words.figure(candidate.size.bytes / MB)} MB" if candidate.size else ""
    facts = (
        ("recipe", candidate.recipe),
        ("runtime", words.runtime_title(candidate.runtime)),
        ("status", candidate.status.value),
        ("reason", candidate.reason),
        ("size", size),
        ("folder", candidate.folder or ""),
    )
    rows = "".join(f"<tr><th>{name}</th><td>{html(text)}</td></tr>" for name, text in facts if text)
    return f"<p><b>{html(candidate.name)}</b></p><table>{rows}</table>{_list(map(finding_html, candidate.findings))}"


def finding_html(finding: Finding) -> str:
    """The sentence; its evidence when the pointer rests on it."""
    evidence = ", ".join(f"{name}: {value}" for name, value in finding.evidence.items())
    return f'<span title="{html(evidence)}">{html(finding.text)}</span>'


def _sentence(summary: Summary) -> str:
    return f"<p>{html(summary.recommendation)}</p>" if summary.recommendation else ""


def _table(summary: Summary, metric: str) -> str:
    heads = ("candidate", "runtime", "MB", "smaller", "ms", "faster", metric, "drop")
    head = "".join(f"<th>{html(text)}</th>" for text in heads)
    rows = "".join(_row(row, row.name == summary.chosen) for row in summary.compared)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(row: Row, chosen: bool) -> str:
    name = f"<b>{html(row.name)}</b>" if chosen else html(row.name)
    first = f"<td>{name}</td><td>{html(words.runtime_title(row.runtime))}</td>"
    if row.status != Status.OK:
        return f"<tr>{first}<td colspan=6>{html(row.status)}: {html(row.reason)}</td></tr>"
    cells = (
        words.figure(row.size_mb),
        words.times(row.compression),
        words.interval(row.latency_p50_ms),
        words.interval(row.speedup, "x"),
        words.quality(row.quality),
        words.points(row.drop),
    )
    figures = "".join(f"<td{NUMBER}>{html(text)}</td>" for text in cells)
    return f"<tr>{first}{figures}</tr>"


def _list(items: Iterable[str]) -> str:
    lines = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{lines}</ul>" if lines else ""
