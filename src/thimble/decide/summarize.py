"""Summarize a study: its rows, the candidate to ship, and why each other candidate is not shipped."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median
from typing import Any

from thimble.core.study import Advice, Run, Study
from thimble.core.summary import Row, Summary
from thimble.core.verdict import Proof, Status
from thimble.decide import _words as words
from thimble.decide.allowing import gain
from thimble.decide.choose import cost
from thimble.decide.findings import findings_of
from thimble.decide.frontier import frontier
from thimble.decide.limits import limits_of
from thimble.decide.recommendation import recommendation
from thimble.decide.rows import only_split, row_of, unmeasured
from thimble.decide.samples import few_samples
from thimble.decide.spent import spent
from thimble.decide.verdicts import unconfirmed, verdict_of

OF_QUALITY = ("quality", "relative", "drop", "p_value", "agreement", "sqnr_db", "efficiency")
"""Figures of a row that are of one split."""
CHANGED = 1.3
"""Ratio of the baseline's latencies in two runs above which a warning says so."""


def summarize(study: Study) -> Summary:
    """Compute every figure, verdict and cause from the study's raw values alone.

    Works on studies that were cut off, have no latency or no quality, or of which everything failed. Limits are judged
    on the test split where a candidate was scored on it, else on validation. ``frontier`` tells how far a
    candidate has to be better to beat another one.
    """
    rows = [row_of(study, candidate) for candidate in study.candidates]
    rows = [replace(row, limits=limits_of(row, study.limits)) if row.status == Status.OK else row for row in rows]
    undominated = frontier(study, rows)
    causes = findings_of(study, rows)
    rows = [replace(row, on_frontier=row.name in undominated, findings=(*row.findings, *causes.get(row.name, ()))) for row in rows]
    chosen = next((row for row in rows if row.name == study.chosen and row.status == Status.OK), None)
    told = [replace(row, verdict=verdict_of(study, row, rows, chosen)) for row in rows]
    return Summary(
        rows=tuple(told),
        chosen=study.chosen,
        met=chosen is not None and set(chosen.limits.values()) <= {Proof.MET} and not unconfirmed(study, chosen),
        recommendation=" ".join(filter(None, (recommendation(study, rows, chosen), gain(study, chosen)))),
        best=_best(rows),
        findings=tuple((row.name, finding) for row in told for finding in row.findings),
        warnings=(*_run_warnings(study), *_changed_machine(study), *few_samples(study), *no_better_than_guessing(study)),
        spent=spent(study),
        validation=_on_validation(study),
    )


def _on_validation(study: Study) -> dict[str, dict[str, Any]]:
    """Return figures on validation by name, where not all that was scored was scored on test too: a table is of the same samples."""
    scored = [candidate for candidate in study.candidates if candidate.ok and candidate.quality]
    if all("test" in candidate.quality for candidate in scored) or not all("validation" in candidate.quality for candidate in scored):
        return {}
    blind = only_split(study, "validation")
    rows = [row_of(blind, candidate) for candidate in blind.candidates]
    return {row.name: {name: getattr(row, name) for name in OF_QUALITY} for row in rows}


def _best(rows: list[Row]) -> dict[str, str]:
    """Return the leader of each measure by its point estimate, proven or not; the baseline first among equals."""
    ok = [row for row in rows if row.status == Status.OK]
    found: dict[str, str] = {}
    if sized := [row for row in ok if row.size_mb is not None]:
        found["smallest"] = min(sized, key=lambda row: row.size_mb or 0).name
    if timed := [row for row in ok if row.speedup] or [row for row in ok if row.latency_p50_ms]:
        found["fastest"] = min(timed, key=lambda row: cost(row, "latency")).name
    if scored := [row for row in ok if row.drop]:
        found["most accurate"] = min(scored, key=lambda row: row.drop.value if row.drop else 0).name
    if efficient := [row for row in ok if row.efficiency is not None]:
        found["most efficient"] = max(efficient, key=lambda row: row.efficiency or 0).name
    return found


def _run_warnings(study: Study) -> tuple[Advice, ...]:
    run = next((run for run in study.runs if run.id == study.joint_run), None)
    said = run.warnings if run else ()
    if any(advice.code == "not-measured" for advice in said):
        return said
    return (*said, *_not_measured(study))


def _not_measured(study: Study) -> tuple[Advice, ...]:
    """Warn, once, of candidates whose speed no run could measure."""
    names = [c.name for c in study.candidates if c.ok and unmeasured(study, c.name) and row_of(study, c).latency_p50_ms is None]
    if not names:
        return ()
    text = (
        f"The speed of {words.joined(names)} is not measured: other programs kept the processor busy. Close them, or use fewer threads "
        "(--threads 1), and run the same command again."
    )
    return (Advice("not-measured", text),)


def _changed_machine(study: Study) -> list[Advice]:
    """Warn where the baseline's latency in the joint run differs from its latency in the study's other runs."""
    baseline = study.candidates[0].name if study.candidates else ""
    taken = {run.id: median(median(turn.samples_ms[baseline]) for turn in run.rounds) for run in study.runs if _timed(run, baseline)}
    final, others = taken.pop(study.joint_run or "", None), taken.values()
    if final is None or not others:
        return []
    other = max(others, key=lambda ms: abs(math.log(ms / final)))
    if abs(math.log(other / final)) < math.log(CHANGED):
        return []
    text = (
        f"The machine changed speed during this study ({baseline} {words.figure(final)} ms in the final run, {words.figure(other)} ms "
        "earlier); speedups may be off. Measure again."
    )
    return [Advice("machine-changed", text)]


def _timed(run: Run, name: str) -> bool:
    return bool(run.rounds) and all(turn.samples_ms.get(name) for turn in run.rounds)


def no_better_than_guessing(study: Study) -> list[Advice]:
    """Warn where the baseline is not proven better than the most frequent answer: then a limit on the drop means nothing."""
    if not study.candidates:
        return []
    baseline = study.candidates[0]
    scored = next((baseline.quality[split] for split in ("test", "validation") if split in baseline.quality), None)
    right = row_of(study, baseline).quality
    if scored is None or right is None or scored.guessing is None or not study.task.binary or right.low > 100 * scored.guessing:
        return []
    text = (
        f"{baseline.name} is right on {words.span(right, ' %')} of the {scored.split} samples; always giving the most frequent answer is "
        f"right on {words.figure(100 * scored.guessing)} %. The model is not proven better than guessing: check its weights, its "
        "preprocessing (size, mean, std) and the order of the classes."
    )
    return [Advice("guessing", text)]
