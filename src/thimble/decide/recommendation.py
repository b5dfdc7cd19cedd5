"""Say which candidate to ship, in one sentence with its figures and intervals."""

from __future__ import annotations

from thimble.core.registry import runtime_title
from thimble.core.study import Study
from thimble.core.summary import Interval, Row
from thimble.core.verdict import Proof, Status
from thimble.decide import _words as words
from thimble.decide.choose import choose
from thimble.decide.limits import asked, breach
from thimble.decide.rows import scored_split, unmeasured
from thimble.decide.verdicts import doubt, unconfirmed

NAMED_BEFORE = "the test split judges only what was named before it was opened"


def recommendation(study: Study, rows: list[Row], chosen: Row | None) -> str:
    """Return one sentence; empty where there is no candidate at all."""
    if not study.candidates:
        return ""
    if chosen is None:
        return _nothing(study, rows)
    return f"{_judged(study, rows, chosen)}{_both_tested(study, chosen)}"


def _both_tested(study: Study, chosen: Row) -> str:
    """Return what the order of two candidates on the test split was, and what that does to their intervals; nothing where it was one."""
    if len(study.tested) < 2 or not any("test" in study.candidate(name).quality for name in study.tested):
        return ""
    first, second = study.tested
    other = f"{second} stood by" if chosen.name == first else f"{first} was tested first, since it costs less, and is not confirmed"
    return f" {other}; the two intervals on the test split hold together with 95 %."


def _judged(study: Study, rows: list[Row], chosen: Row) -> str:
    """Return the sentence about the chosen candidate."""
    states = chosen.limits
    broken = [breach(study, chosen, name) for name, state in states.items() if state == Proof.BROKEN]
    doubts = [doubt(study, chosen, name) for name, state in states.items() if state == Proof.NOT_PROVEN]
    if broken and all(Proof.BROKEN in row.limits.values() for row in rows if row.status == Status.OK):
        return f"No candidate meets every limit; {chosen.name} comes nearest but {words.joined([*broken, *doubts])}."
    if broken:
        reasons = words.joined([*broken, *doubts])
        return f"Limits not met: {chosen.name} was chosen on the validation split but {reasons}; {NAMED_BEFORE}."
    if unconfirmed(study, chosen):
        doubts.append("has no score on the test split yet, which alone confirms the choice")
    if doubts:
        figures = _figures(study, chosen, with_loss="drop" not in states or states["drop"] == Proof.MET)
        return f"Not proven: {chosen.name}, chosen on the validation split, {figures}, but {words.joined(doubts)}."
    if chosen.name == study.candidates[0].name:
        return f"Ship the baseline, {chosen.name}: {_why_baseline(study, rows)}."
    kept = [asked(study, name) for name in states]
    proof = f"; proven: {words.joined(kept)}" if kept else ""
    return f"Ship {chosen.name} ({runtime_title(chosen.runtime)}): it {_figures(study, chosen)}{proof}."


def _figures(study: Study, row: Row, with_loss: bool = True) -> str:
    """Return speed, size and drop against the baseline, as the end of a sentence about the candidate."""
    parts = []
    if row.speedup:
        at = f" at {words.figure(row.latency_p50_ms.value)} ms" if row.latency_p50_ms else ""
        parts.append(f"is {words.speed(row.speedup, 'the baseline')}{at}")
    elif row.latency_p50_ms:
        parts.append(f"takes {words.span(row.latency_p50_ms, ' ms')}")
    elif unmeasured(study, row.name):
        parts.append("has no measured speed, since the machine is busy")
    if row.size_mb is not None:
        ratio = row.compression or 1.0
        change = (
            f"{words.figure(ratio)}x smaller" if ratio > 1.01 else f"{words.figure(1 / ratio)}x larger" if ratio < 0.99 else "no smaller"
        )
        verb = "" if row.speedup else "is "
        parts.append(f"{verb}{change} at {words.figure(row.size_mb)} MB")
    if row.drop and with_loss:
        parts.append(_loss(study, row, row.drop))
    return words.joined(parts) or "has no measured figures"


def _loss(study: Study, row: Row, drop: Interval) -> str:
    candidate, task = study.candidate(row.name), study.task
    split = scored_split(study.candidates[0], candidate)
    on = f" on {words.counted(len(candidate.quality[split].scores), f'{split} sample')}" if split else ""
    metric = f" of {task.metric.replace('_', ' ')}"
    if drop.low > 0:
        return f"drops {words.points(drop, task, metric)}{on}"
    if drop.high < 0:
        return f"gains {words.points(Interval(-drop.value, -drop.high, -drop.low), task, metric)}{on}"
    low, high = (words.amount(end, task) for end in (drop.low, drop.high))
    return f"has no proven drop in{metric.removeprefix(' of')} ({words.amount(drop.value, task)}{words.unit_of(task)}, {low} to {high}){on}"


def _why_baseline(study: Study, rows: list[Row]) -> str:
    others = [row for row in rows[1:] if row.status == Status.OK]
    if not others:
        return "no other candidate could be measured" if len(rows) > 1 else "it is the only candidate"
    some = "the other candidate did not improve" if len(others) == 1 else f"none of the {len(others)} other candidates improved"
    return f"{some} {study.limits.minimize} within the limits on the validation split"


def _nothing(study: Study, rows: list[Row]) -> str:
    """Return the sentence for a study without a choice: all failed, or it did not get that far."""
    ok = [row for row in rows if row.status == Status.OK]
    lost = next((row for row in rows if row.name == study.chosen), None)
    if lost is not None:
        return f"{lost.name} was chosen on the validation split and then failed; {NAMED_BEFORE}."
    if not ok:
        tried = any(row.status != Status.NOT_TRIED for row in rows)
        return f"Nothing to ship: none of the {words.counted(len(rows), 'candidate')} {'worked' if tried else 'was tried'}."
    begin = "No candidate was chosen" if study.complete else "No candidate was chosen before the study ended"
    leader = next((row for row in rows if row.name == choose(study)), None)
    if leader is None or leader.name == study.candidates[0].name:
        return f"{begin}; {words.counted(len(ok), 'candidate')} {'was' if len(ok) == 1 else 'were'} measured."
    return f"{begin}; {leader.name} looks best so far: it {_figures(study, leader)}."
