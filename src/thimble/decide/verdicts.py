"""Why each candidate was or was not chosen, in a sentence with its figures; never more than the intervals prove."""

from __future__ import annotations

import math

from thimble.core.study import Study
from thimble.core.summary import Interval, Row
from thimble.decide import _words as words
from thimble.decide.choose import cost, limits_of, minimized
from thimble.decide.frontier import PACKING
from thimble.decide.pairs import differing, loss_against, speedup_over
from thimble.decide.rows import only_split, row_of, scored_split
from thimble.stats import samples_to_decide

SUPERLATIVES = {"latency": "fastest", "size": "smallest", "memory": "one with the least memory"}


def verdict_of(study: Study, row: Row, rows: list[Row], chosen: Row | None) -> str:
    """The sentence for one candidate; empty where nothing was chosen and nothing speaks against this one."""
    if row.status != "ok":
        return f"{row.status}: {row.reason}" if row.reason else row.status
    if row is chosen:
        return _why(study, row, rows)
    broken = [breach(study, row, name) for name, state in row.limits.items() if state == "broken"]
    if broken:
        return words.joined(broken)
    if chosen is None:
        return words.joined(doubt(study, row, name) for name, state in row.limits.items() if state == "not proven")
    doubts = [doubt(study, row, name) for name, state in row.limits.items() if state == "not proven" and chosen.limits.get(name) == "met"]
    if doubts:
        return words.joined(doubts)
    if study.limits.max_drop is None and row.drop and row.drop.low > 0 and not (chosen.drop and chosen.drop.low > 0):
        return f"loses {words.points(row.drop, study.task)} against the baseline, and {chosen.name} is not proven to lose anything"
    return _against(study, row, chosen, minimized(rows, study.limits.minimize))


def unconfirmed(study: Study, row: Row) -> bool:
    """Whether the test split, which alone confirms a choice under a limit on the drop, was not scored yet."""
    quality = study.candidate(row.name).quality
    return study.limits.max_drop is not None and "test" in study.task.splits and bool(quality) and "test" not in quality


def breach(study: Study, row: Row, name: str) -> str:
    """By how much a limit is broken."""
    limits, task = study.limits, study.task
    if name == "drop" and row.drop and limits.max_drop is not None:
        beyond = words.amount(row.drop.value - limits.max_drop, task)
        return f"loses {words.points(row.drop, task)}, {beyond} more than the {limits.max_drop:g} allowed"
    if name == "latency" and row.latency_p50_ms and limits.max_latency is not None:
        beyond = words.figure(row.latency_p50_ms.value - limits.max_latency)
        return f"takes {words.span(row.latency_p50_ms, ' ms')}, {beyond} more than the {limits.max_latency:g} allowed"
    value, limit = (row.size_mb, limits.max_size) if name == "size" else (row.memory_mb, limits.max_memory)
    if value is None or limit is None:
        return f"breaks the limit on {name}"
    told = f"is {words.figure(value)} MB" if name == "size" else f"needs {words.figure(value)} MB of memory"
    return f"{told}, {words.figure(value - limit)} more than the {limit:g} allowed"


def doubt(study: Study, row: Row, name: str) -> str:
    """What is not proven about a limit, and what would decide it."""
    limits, task = study.limits, study.task
    if name == "drop" and row.drop and limits.max_drop is not None:
        told = f"{words.points(row.drop, task)}{_sample_words(study, row)}"
        return f"is not proven to lose at most {words.allowed(limits.max_drop, task)}: {told}"
    if name == "latency" and row.latency_p50_ms and limits.max_latency is not None:
        span = words.span(row.latency_p50_ms, " ms")
        return f"is not proven to take at most {limits.max_latency:g} ms: {span}; a longer or quieter measurement would decide"
    figure = {"drop": "quality", "latency": "latency", "size": "size", "memory": "memory"}[name]
    return f"is not proven to keep the limit on {name}: its {figure} was not measured"


def _sample_words(study: Study, row: Row) -> str:
    """`` on 600 test samples; about 1,700 would decide``."""
    candidate = study.candidate(row.name)
    split = scored_split(study.candidates[0], candidate)
    if split is None or row.drop is None or study.limits.max_drop is None:
        return ""
    n = len(candidate.quality[split].scores)
    pairs = differing(study, candidate)
    needed = samples_to_decide(row.drop, study.limits.max_drop, n, pairs[:2] if pairs else None)
    more = "no number of them would decide, since it lies on the limit" if needed is None else f"about {_rounded_up(needed):,} would decide"
    return f" on {words.counted(n, f'{split} sample')}; {more}"


def _rounded_up(number: int) -> int:
    """To two digits: 3,012 is 3,100."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // step) * step


def _why(study: Study, row: Row, rows: list[Row]) -> str:
    what = minimized(rows, study.limits.minimize)
    if row.name == study.candidates[0].name:
        return f"chosen: no other candidate is better in {what} without speaking against a limit"
    states = set(row.limits.values())
    if "broken" in states:
        return "chosen as the nearest: none keeps every limit"
    if "not proven" in states:
        doubts = words.joined(doubt(study, row, name) for name, state in row.limits.items() if state == "not proven")
        return f"chosen on the validation split as the likeliest to keep the limits; {doubts}"
    best = min(rows, key=lambda other: cost(other, what) if other.status == "ok" else math.inf)
    if best is row:
        return f"chosen: the {SUPERLATIVES[what]} of all{', and proven to keep every limit' if states else ''}"
    return f"chosen on the validation split for its {what}, {'within every limit' if states else 'with no loss proven there'}"


def _against(study: Study, row: Row, chosen: Row, what: str) -> str:
    """What the chosen one has over this one, and this one over it, as far as it is proven."""
    ratio = speedup_over(study, chosen.name, row.name)
    if ratio is None and what == "latency":
        return _measured_apart(row, chosen)
    loss = loss_against(study, chosen.name, row.name)
    pros = _merits(chosen, row, ratio, _negated(loss), study)
    cons = _merits(row, chosen, Interval(1 / ratio.value, 1 / ratio.high, 1 / ratio.low) if ratio and ratio.low > 0 else None, loss, study)
    wins = {"latency": ratio is not None and ratio.low > 1}.get(what, cost(chosen, what) < cost(row, what))
    if wins and not cons:
        return f"beaten by {chosen.name}, which is {words.joined(pros)}"
    if wins:
        return f"{chosen.name} is {words.joined(pros)}; this one is {words.joined(cons)}, but {what} was to be minimized"
    if cons:
        return f"{words.joined(cons)} in these figures, but {_too_late(study, row, chosen, ratio)}"
    if pros:
        return f"beaten by {chosen.name}, which is {words.joined(pros)}; no difference in {what} is proven"
    return f"not proven different from {chosen.name}, which was chosen on the validation split"


def _measured_apart(row: Row, chosen: Row) -> str:
    """Two candidates that no run has both of: each one's speedup is all that can be told."""
    if row.speedup is None or chosen.speedup is None:
        return f"its latency was not measured beside {chosen.name}"
    ours, theirs = words.times(row.speedup), words.times(chosen.speedup)
    return f"not measured beside {chosen.name}, since a first look gave {ours} of the baseline's speed; {chosen.name} has {theirs}"


def _merits(one: Row, other: Row, ratio: Interval | None, gain: Interval | None, study: Study) -> list[str]:
    """In what ``one`` is proven better than ``other``: each with its figure. ``gain`` is the quality it has above the other's."""
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
    """Why a candidate that looks better now was not chosen then; ``ratio`` is the chosen one's speed over its."""
    blind = only_split(study, "validation")
    then = row_of(blind, blind.candidate(row.name))
    states = limits_of(then, study.limits)
    for state, word in (("broken", "broke"), ("not proven", "was not proven to keep")):
        if limit := next((name for name, found in states.items() if found == state), None):
            told = f" ({words.points(then.drop, study.task)})" if limit == "drop" and then.drop else ""
            return f"on the validation split, where {chosen.name} was chosen, it {word} the limit on {limit}{told}"
    if study.limits.max_drop is None and then.drop and then.drop.low > 0:
        return f"it loses {words.points(then.drop, study.task)} on the validation split, where {chosen.name} was chosen"
    if ratio is not None and ratio.value > 1 and study.limits.minimize == "latency":
        return f"latency was to be minimized: {chosen.name} has {words.times(ratio)} its speed, a better figure that is not proven"
    return f"{chosen.name} was chosen on the validation split, and the test split is not used to choose"
