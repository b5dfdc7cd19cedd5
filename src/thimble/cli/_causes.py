"""What was found in artifacts, as ``thimble doctor`` shows it."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from thimble.cli._figures import number
from thimble.core.study import Candidate, Study
from thimble.core.summary import Row
from thimble.core.text import plain
from thimble.core.values import listed
from thimble.core.verdict import Status

Lines = list[tuple[str, str]]


def lines(rows: Sequence[tuple[str, str]], indent: str = "") -> list[str]:
    """Names and texts in two columns, as wide as the terminal, at most 100."""
    width = min(100, shutil.get_terminal_size((80, 24)).columns)
    gap = max((len(name) for name, _ in rows), default=0) + 2
    told = []
    for name, text in ((plain(name), plain(text)) for name, text in rows):
        inner = textwrap.wrap(text, max(30, width - gap - len(indent)), break_long_words=True, break_on_hyphens=False) or [""]
        told += [f"{indent}{name:<{gap}}{inner[0]}", *(f"{indent}{'':<{gap}}{line}" for line in inner[1:])]
    return told


def explained(study: Study) -> list[str]:
    """Each candidate that something is known of: the evidence, then the causes."""
    from thimble.decide.summarize import summarize

    summary = summarize(study)
    parts: list[str] = []
    for row, candidate in zip(summary.rows, study.candidates, strict=True):
        if candidate.status == Status.FAILED and candidate.reason:
            parts += ["", row.name, *lines([("failed", candidate.reason)], "  ")]
            continue
        evidence = evidence_lines(candidate, row)
        causes = [(finding.code, finding.text) for finding in row.findings]
        if not evidence and not causes:
            continue
        parts += ["", row.name, *lines(evidence, "  "), *(told for _, text in causes for told in lines([("*", text)], "  "))]
        if not causes:
            parts.append("  no known cause of a disappointing figure")
    return parts[1:] or ["No known cause explains the figures of these artifacts."]


def evidence_lines(candidate: Candidate, row: Row) -> Lines:
    """Return lines on the evidence that the file itself holds."""
    from thimble.decide._graph_causes import graph_of

    graph, found = graph_of(candidate), []
    if graph.get("quantized"):
        many = graph["integer"] + graph["float"]
        left = f", {graph['quantize']} quantize and {graph['dequantize']} dequantize nodes left" if graph["quantize"] else ""
        found.append(("integers", f"{graph['integer']} of {many} convolutions and matrix products run in INT8{left}"))
        if graph["float_layers"] and graph["float"] < graph["integer"]:
            found.append(("in float", listed(graph["float_layers"], 8)))
    total = sum(candidate.operators_ms.values())
    if total:
        top = sorted(candidate.operators_ms.items(), key=lambda pair: -pair[1])[:4]
        found.append(("time in", ", ".join(f"{name} {100 * ms / total:.0f} %" for name, ms in top)))
    if found and candidate.size and candidate.size.bytes_by_type:
        stored = sum(candidate.size.bytes_by_type.values())
        told = (f"{kind} {100 * count / stored:.0f} %" for kind, count in candidate.size.bytes_by_type.items() if count > stored / 200)
        found.append(("stored", f"{number(row.size_mb)} MB: {', '.join(told)}"))
    if found:
        found += _bytes(candidate)
    if graph.get("not_by_16"):
        found.append(("filters", f"{graph['not_by_16']} of {graph['convolutions']} convolutions have a number that 16 doesn't divide"))
    found += _processors(candidate)
    if candidate.sensitivity_db:
        worst = sorted(candidate.sensitivity_db.items(), key=lambda pair: pair[1])[:5]
        tried, many = len(candidate.sensitivity_db), graph.get("quantized", 0)
        part = f" ({tried} of {many} layers tried)" if tried < many else ""
        found.append(("sensitive", ", ".join(f"{name} {db:.1f} dB" for name, db in worst) + part))
    return found


def _bytes(candidate: Candidate) -> Lines:
    """What the file's bytes are for, without what is less than half a percent."""
    counts = {name: count for name, count in candidate.probes.get("storage", {}).items() if isinstance(count, int)}
    total = sum(counts.values())
    told = (f"{name} {count / 1000:,.1f} KB" for name, count in counts.items() if 200 * count >= total)
    return [("bytes", ", ".join(told))] if total else []


def _processors(candidate: Candidate) -> Lines:
    """The file on both kinds of processors."""
    both = candidate.probes.get("processors", {})
    if "here" not in both:
        return []
    told = []
    for kind in ("with VNNI", "without VNNI"):
        one, parts = both[kind], []
        if one["scores"] and not isinstance(one["scores"][0], list):
            parts.append(_mean(one["scores"]))
        if one["sqnr_db"] is not None:
            parts.append(f"{one['sqnr_db']:.1f} dB")
        elif kind != both["here"] and both["between_db"] < 200:
            parts.append(f"{both['between_db']:.1f} dB away from here")
        told.append((kind, f"{', '.join(parts) or 'as in the file'} ({one['how']}{' here' if kind == both['here'] else ''})"))
    samples = f"{both['samples']} {both['split']} samples"
    whole = both.get("original", {}).get("scores", [])
    beside = [("float form", f"{_mean(whole)} on the same samples")] if whole and not isinstance(whole[0], list) else []
    return [(told[0][0], f"{told[0][1]}, on {samples}"), told[1], *beside]


def _mean(scores: list[float]) -> str:
    """The mean of per-sample scores, in percent where they are right or wrong."""
    mean = sum(scores) / len(scores)
    return f"{100 * mean:.1f} %" if set(scores) <= {0.0, 1.0} else f"mean score {number(mean, 4)}"
