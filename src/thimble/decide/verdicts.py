"""Say why each candidate was or was not chosen, in a sentence with its figures; never more than the intervals prove."""

from __future__ import annotations

from thimble.core.limit import asked_for, table
from thimble.core.registry import runtime_title
from thimble.core.study import Study
from thimble.core.summary import Interval, Row
from thimble.core.verdict import Proof, Status
from thimble.decide import _words as words
from thimble.decide.choose import cost, minimized
from thimble.decide.frontier import PACKING
from thimble.decide.limits import bound, breach, figure_of, limits_of, said
from thimble.decide.pairs import differing, loss_against, speedup_over
from thimble.decide.rows import only_split, row_of, scored_split, unmeasured
from thimble.stats import samples_to_decide

SUPERLATIVES = {"latency": "fastest candidate", "size": "smallest candidate", "memory": "candidate with the least memory"}


def verdict_of(study: Study, row: Row, rows: list[Row], chosen: Row | None) -> str:
    """Return the sentence for one candidate; empty where nothing was chosen and nothing rules this candidate out."""
    if row.status != Status.OK:
        return f"{row.status}: {row.reason}" if row.reason else row.status
    if row is chosen:
        return _why(study, row, rows)
    broken = [breach(study, row, name) for name, state in row.limits.items() if state == Proof.BROKEN]
    if broken:
        return words.joined(broken)
    if not study.allows(study.candidate(row.name)):
        return f"{runtime_title(row.runtime)} is not among the runtimes that may be chosen ({', '.join(study.runtimes)})"
    if chosen is None:
        return words.joined(doubt(study, row, name) for name, state in row.limits.items() if state == Proof.NOT_PROVEN)
    doubts = [
        doubt(study, row, name) for name, state in row.limits.items() if state == Proof.NOT_PROVEN and chosen.limits.get(name) == Proof.MET
    ]
    if doubts:
        return words.joined(doubts)
    if study.limits.max_drop is None and row.drop and row.drop.low > 0 and not (chosen.drop and chosen.drop.low > 0):
        return f"drops {words.points(row.drop, study.task)}; {chosen.name} has no proven drop"
    return _against(study, row, chosen, minimized(_able(study, rows), study.limits.minimize))


def unconfirmed(study: Study, row: Row) -> bool:
    """Return whether a limit on the drop waits for the test split, which alone confirms a choice."""
    quality = study.candidate(row.name).quality
    return study.limits.max_drop is not None and "test" in study.task.splits and bool(quality) and "test" not in quality


def doubt(study: Study, row: Row, name: str) -> str:
    """Return what is not proven about a limit, and what would decide it."""
    limit, task = table(type(study.limits))[name], study.task
    value = figure_of(limit, row)
    if value is None:
        lacks = "was left out of the final run" if name == "latency" and row.speedup else f"has no measured {limit.lacks or name}"
        return f"{lacks}, so the limit on {name} is not proven"
    samples, needed = _sample_words(study, row) if limit.samples else ("", f"; {limit.decides}" if limit.decides else "")
    most = bound(limit, asked_for(study.limits, name) or 0.0, task)
    return f"{said(limit, value, task)}{samples}, which does not prove the limit of {most}{needed}"


def _sample_words(study: Study, row: Row) -> tuple[str, str]:
    """Return `` on 600 test samples`` and ``; about 1,700 samples would decide``."""
    candidate = study.candidate(row.name)
    split = scored_split(study.candidates[0], candidate)
    if split is None or row.drop is None or study.limits.max_drop is None:
        return "", ""
    n = len(candidate.quality[split].scores)
    pairs = differing(study, candidate)
    needed = samples_to_decide(row.drop, study.limits.max_drop, n, pairs[:2] if pairs else None)
    more = f"about {_rounded_up(needed):,} samples would decide" if needed else "no number of samples would decide: it lies on the limit"
    return f" on {words.counted(n, f'{split} sample')}", f"; {more}"


def _rounded_up(number: int) -> int:
    """Round up to two digits: 3,012 becomes 3,100."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // step) * step


def _able(study: Study, rows: list[Row]) -> list[Row]:
    """Return the measured rows that may be chosen."""
    return [row for row in rows if row.status == Status.OK and study.allows(study.candidate(row.name))]


def _why(study: Study, row: Row, rows: list[Row]) -> str:
    able = _able(study, rows)
    what = minimized(able, study.limits.minimize)
    if row.name == study.candidates[0].name:
        return f"chosen: no other candidate improves {what} without a broken limit or a proven drop"
    states = set(row.limits.values())
    if Proof.BROKEN in states:
        return "chosen as the nearest: no candidate meets every limit"
    if Proof.NOT_PROVEN in states:
        doubts = words.joined(doubt(study, row, name) for name, state in row.limits.items() if state == Proof.NOT_PROVEN)
        return f"chosen on the validation split as the likeliest to meet the limits; {doubts}"
    best = min(able, key=lambda other: cost(other, what))
    if best is row:
        return f"chosen: the {SUPERLATIVES[what]}{', proven to meet every limit' if states else ''}"
    return f"chosen on the validation split for its {what}, {'within every limit' if states else 'with no proven drop there'}"


def _against(study: Study, row: Row, chosen: Row, what: str) -> str:
    """Return the proven advantages of the chosen candidate over this one, and of this one over the chosen."""
    ratio = speedup_over(study, chosen.name, row.name)
    if ratio is None and what == "latency":
        return _measured_apart(study, row, chosen)
    loss = loss_against(study, chosen.name, row.name)
    pros = _merits(chosen, row, ratio, _negated(loss), study)
    cons = _merits(row, chosen, Interval(1 / ratio.value, 1 / ratio.high, 1 / ratio.low) if ratio and ratio.low > 0 else None, loss, study)
    wins = {"latency": ratio is not None and ratio.low > 1}.get(what, cost(chosen, what) < cost(row, what))
    if wins and not cons:
        return f"{chosen.name} is {words.joined(pros)}"
    if wins:
        return f"{chosen.name} is {words.joined(pros)}; this candidate is {words.joined(cons)}, but the study minimizes {what}"
    if cons:
        return f"is {words.joined(cons)}, but {_too_late(study, row, chosen, ratio)}"
    if pros:
        return f"{chosen.name} is {words.joined(pros)}; no difference in {what} is proven"
    return f"no proven difference from {chosen.name}, which was chosen on the validation split"


def _measured_apart(study: Study, row: Row, chosen: Row) -> str:
    """Compare the speedups of two candidates that share no run."""
    if row.speedup is None and unmeasured(study, row.name):
        return "its speed is not measured: the machine is busy"
    if row.speedup is None or chosen.speedup is None:
        return f"has no latency from the same run as {chosen.name}"
    ours, theirs = words.times(row.speedup), words.times(chosen.speedup)
    return f"left out of the final run: {ours} in a quick check, against {theirs} for {chosen.name}"


def _merits(one: Row, other: Row, ratio: Interval | None, gain: Interval | None, study: Study) -> list[str]:
    """List what ``one`` is proven better in than ``other``, each with its figure. ``gain`` is its quality above the other's."""
    found = []
    if ratio is not None and ratio.low > 1:
        found.append(f"{words.figure(ratio.value)}x faster ({words.figure(ratio.low)} to {words.figure(ratio.high)})")
    if one.size_mb and other.size_mb and other.size_mb > (1 + PACKING) * one.size_mb:
        found.append(f"{words.figure(other.size_mb / one.size_mb)}x smaller")
    if gain is not None and gain.low > 0:
        found.append(words.points(gain, study.task, " better"))
    return found


def _negated(interval: Interval | None) -> Interval | None:
    return None if interval is None else Interval(-interval.value, -interval.high, -interval.low)


def _too_late(study: Study, row: Row, chosen: Row, ratio: Interval | None) -> str:
    """Return why a candidate that looks better now was not chosen; ``ratio`` is the chosen candidate's speed over its speed."""
    blind = only_split(study, "validation")
    then = row_of(blind, blind.candidate(row.name))
    states = limits_of(then, study.limits)
    where = f"on the validation split, where {chosen.name} was chosen"
    for state, verb in ((Proof.BROKEN, "breaks"), (Proof.NOT_PROVEN, "is not proven to meet")):
        if limit := next((name for name, verdict in states.items() if verdict == state), None):
            drop = f": it drops {words.points(then.drop, study.task)}" if limit == "drop" and then.drop else ""
            return f"{verb} the limit on {limit} {where}{drop}"
    if study.limits.max_drop is None and then.drop and then.drop.low > 0:
        return f"drops {words.points(then.drop, study.task)} {where}"
    if ratio is not None and ratio.value > 1 and study.limits.minimize == "latency":
        return f"the study minimizes latency: {chosen.name} has {words.times(ratio)} its speed, better but not proven"
    return f"{chosen.name} was chosen on the validation split; the test split is not used to choose"
