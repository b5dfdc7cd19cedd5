"""Every figure of a few artifacts beside each other, as ``thimble measure`` shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.cli._json import Form, say_study
from thimble.cli._say import say, say_aside
from thimble.core.study import Advice, Candidate, Study
from thimble.core.summary import Interval, Row
from thimble.core.text import plain
from thimble.core.verdict import Speed

if TYPE_CHECKING:
    from rich.table import Table

Cell = Callable[[Row, Candidate], str]


def number(value: float | None, digits: int = 3) -> str:
    """So many significant digits, without an exponent for what people measure; nothing for ``None``."""
    if value is None:
        return ""
    if value == 0 or not 1e-3 <= abs(value) < 1e15:
        return f"{value:.{digits}g}"
    text = f"{float(f'{value:.{digits}g}'):,.6f}"
    return text.rstrip("0").rstrip(".")


def middle(value: Interval | None) -> str:
    """The figure of an interval."""
    return "" if value is None else number(value.value)


def ends(value: Interval | None) -> str:
    """``2.28-2.35``."""
    return "" if value is None else f"{number(value.low)}-{number(value.high)}".replace("--", " to -")


def percentile_cell(p: int, value: Callable[[Row], float | None]) -> Cell:
    """A percentile, or how many samples it would need."""

    def cell(row: Row, candidate: Candidate) -> str:
        from thimble.stats import samples_needed

        if not row.latency_samples:
            return ""
        found = value(row) if row.latency_samples >= samples_needed(p) else None
        return number(found) if found is not None else f"needs {samples_needed(p)} samples"

    return cell


def _throughput(row: Row, candidate: Candidate) -> str:
    return "\n".join(f"{number(rate)} at {plain(batch)}" for batch, rate in candidate.throughput.items())


def _types(row: Row, candidate: Candidate) -> str:
    by_type = candidate.size.bytes_by_type if candidate.size else {}
    total = sum(by_type.values())
    return "\n".join(f"{plain(kind)} {100 * count / total:.0f} %" for kind, count in by_type.items() if count > total / 200)


def _operators(row: Row, candidate: Candidate) -> str:
    total = sum(candidate.operators_ms.values())
    top = sorted(candidate.operators_ms.items(), key=lambda pair: -pair[1])[:3]
    return "\n".join(f"{plain(name)} {100 * ms / total:.0f} %" for name, ms in top) if total else ""


def _cosine(candidate: Candidate) -> float | None:
    scored = candidate.quality.get("test") or candidate.quality.get("validation")
    return scored.cosine if scored else None


def _energy(row: Row, candidate: Candidate) -> str:
    found = candidate.probes.get("energy", {})
    if "joules" not in found:
        return ""
    return f"{number(1000 * found['joules'])} ({number(1000 * found['joules_above_idle'])})"


FIGURES: tuple[tuple[str, Cell], ...] = (
    ("runtime", lambda row, candidate: plain(candidate.runtime)),
    ("latency p50 ms", percentile_cell(50, lambda row: row.latency_p50_ms.value if row.latency_p50_ms else None)),
    ("  within 95 %", lambda row, candidate: ends(row.latency_p50_ms)),
    ("  p90", percentile_cell(90, lambda row: row.latency_p90_ms)),
    ("  p95", percentile_cell(95, lambda row: row.latency_p95_ms)),
    ("  p99", percentile_cell(99, lambda row: row.latency_p99_ms)),
    ("  mean", lambda row, candidate: number(row.latency_mean_ms)),
    ("  deviation", lambda row, candidate: number(row.latency_std_ms)),
    ("  samples", lambda row, candidate: str(row.latency_samples or "")),
    ("times as fast", lambda row, candidate: middle(row.speedup)),
    ("  within 95 %", lambda row, candidate: ends(row.speedup)),
    ("load ms", lambda row, candidate: number(row.load_ms)),
    ("first run ms", lambda row, candidate: number(row.first_inference_ms)),
    ("memory MB", lambda row, candidate: number(row.memory_mb)),
    ("samples/s", _throughput),
    ("size MB", lambda row, candidate: number(row.size_mb)),
    ("  deflated MB", lambda row, candidate: number(row.size_deflated_mb)),
    ("  stored", _types),
    ("parameters", lambda row, candidate: number(row.parameters, 9)),
    ("  zeros %", lambda row, candidate: number(row.sparsity) if row.sparsity is not None else ""),
    ("MACs", lambda row, candidate: number(row.macs, 12)),
    ("quality", lambda row, candidate: middle(row.quality)),
    ("  within 95 %", lambda row, candidate: ends(row.quality)),
    ("drop, points", lambda row, candidate: middle(row.drop)),
    ("  within 95 %", lambda row, candidate: ends(row.drop)),
    ("  McNemar's p", lambda row, candidate: number(row.p_value)),
    ("agreement %", lambda row, candidate: number(row.agreement)),
    ("SQNR dB", lambda row, candidate: number(row.sqnr_db)),
    ("cosine", lambda row, candidate: number(_cosine(candidate), 6)),
    ("on noise: SQNR dB", lambda row, candidate: number(candidate.probes.get("on_noise", {}).get("sqnr_db"))),
    ("  cosine", lambda row, candidate: number(candidate.probes.get("on_noise", {}).get("cosine"), 6)),
    ("most time in", _operators),
    ("mJ (above idle)", _energy),
)
"""What is shown, and how; a line that is empty for all is left out."""


def show_figures(study: Study, folder: Path | None, as_json: Form | None) -> None:
    """The figures, the verdicts, how each one held out, and the warnings; or all raw values as JSON."""
    from rich.console import Console

    from thimble.decide.summarize import no_better_than_guessing

    if as_json:
        say_study(study, as_json)
        return
    console = Console()
    console.print(figures_table(study))
    for line in (*verdicts(study), *sustained_lines(study)):
        say(line)
    run = study.run(study.joint_run) if study.joint_run else None
    show_warnings((*(run.warnings if run else ()), *no_better_than_guessing(study)))
    for why in {candidate.probes.get("energy", {}).get("not available") for candidate in study.candidates} - {None}:
        say_aside(f"energy: not available: {why}")
    if folder is not None:
        say_aside(f"Everything is in {folder / 'study.json'}.")


def show_warnings(warnings: Sequence[Advice]) -> None:
    """Print the warnings of a run with their advice."""
    for advice in warnings:
        say_aside(f"warning: {advice.member + ': ' if advice.member else ''}{advice.text}")


def figures_table(study: Study) -> Table:
    """One column for each artifact."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from thimble.decide.summarize import summarize

    pairs = list(zip(summarize(study).rows, study.candidates, strict=True))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for _, candidate in pairs:
        table.add_column(Text(plain(candidate.name)), justify="right", overflow="fold")
    for heading, cell in FIGURES:
        cells = [cell(row, candidate) if candidate.ok else "" for row, candidate in pairs]
        if any(cells):
            table.add_row(heading, *map(Text, cells))
    failed = [plain(candidate.reason) for candidate in study.candidates]
    if any(failed):
        table.add_row("failed", *map(Text, failed))
    return table


def verdicts(study: Study) -> list[str]:
    """For each artifact but the first, what is proven of its speed."""
    from thimble.decide.summarize import summarize
    from thimble.stats import verdict

    baseline = study.candidates[0].name
    lines = []
    for row in summarize(study).rows[1:]:
        if row.speedup:
            said = verdict(row.speedup)
            against = f"{said} than {baseline}" if said in (Speed.FASTER, Speed.SLOWER) else said
            lines.append(f"{row.name}: {against}: {middle(row.speedup)} times as fast ({ends(row.speedup)})")
    return lines


def sustained_lines(study: Study) -> list[str]:
    """How each artifact's latency changed in its run without a pause."""
    from thimble.measure.sustained import first_and_last

    lines = []
    for run in study.runs:
        if run.id == study.joint_run or len(run.members) != 1:
            continue
        name = run.members[0]
        if len(run.rounds) < 3:
            lines.append(f"{name} without a pause: too few rounds to compare its beginning with its end; run it longer")
            continue
        found = first_and_last(run, name)
        what = (
            f"{number(found.first_ms)} ms in the first {found.span_s:.0f} s, {number(found.last_ms)} ms in the last ({found.change:+.1%})"
        )
        lines.append(f"{name} without a pause: {what}")
        lines += [f"  {advice.text}" for advice in run.warnings if advice.code in ("trend", "two-modes", "clock-throttled")]
    return lines
