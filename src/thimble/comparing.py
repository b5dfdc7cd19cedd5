"""What may be said of two measurements that were not taken together: pure functions of stored studies.

Milliseconds of two runs are never compared. Two members of one run are, round by round; across runs only each one's
ratio to the same reference is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from thimble.base.errors import BadInput
from thimble.base.registry import METRICS
from thimble.base.study import Candidate, Run, Study
from thimble.base.summary import Interval
from thimble.base.values import MB
from thimble.stats import drop_interval, ratio_interval, verdict

NOTICED = 0.01
"""A relative growth in size below this is packing, and no regression."""


@dataclass(frozen=True)
class Comparison:
    """The second of two artifacts against the first one.

    ``verdict`` is ``faster``, ``slower`` or ``no proven difference``; ``ratio`` how many times as fast the second is;
    ``how`` what the ratio was computed from; ``drop`` what the second lost in quality, where both were scored on the
    same samples; sizes in MB.
    """

    first: str
    second: str
    verdict: str
    ratio: Interval
    how: str
    drop: Interval | None = None
    sizes_mb: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True)
class Change:
    """One figure of a candidate in two studies: ``speedup`` against each one's own baseline, ``size`` in MB, or ``quality``.

    ``difference`` is the ratio of speedups, the ratio of sizes, or the drop in quality in points. ``proven`` says that
    it is a real change, ``worse`` its direction.
    """

    candidate: str
    figure: str
    before: float
    after: float
    difference: Interval
    proven: bool
    worse: bool


def compare_saved(first: tuple[Study, str], second: tuple[Study, str]) -> Comparison:
    """Two candidates of stored measurements. Raises `BadInput` with the reason where they can't be compared."""
    (study_a, a), (study_b, b) = first, second
    one, other = study_a.candidate(a), study_b.candidate(b)
    ratio, how = _ratio(study_a, a, study_b, b)
    return Comparison(a, b, verdict(ratio), ratio, how, _drop(study_a, one, study_b, other), (_size(one), _size(other)))


def _ratio(study_a: Study, a: str, study_b: Study, b: str) -> tuple[Interval, str]:
    shared = next((run for run in study_a.runs if run.id in {r.id for r in study_b.runs} and {a, b} <= set(run.members)), None)
    if shared is not None:
        rounds = [r.samples_ms for r in shared.rounds if a in r.samples_ms and b in r.samples_ms]
        found = ratio_interval([r[a] for r in rounds], [r[b] for r in rounds], shared.seed)
        return found, f"measured together, {len(rounds)} rounds"
    run_a, run_b = _run_of(study_a, a), _run_of(study_b, b)
    _check_conditions(run_a, run_b)
    reference_a, reference_b = study_a.candidate(run_a.reference), study_b.candidate(run_b.reference)
    if _identity(reference_a) != _identity(reference_b):
        raise BadInput(
            f"{a} and {b} were measured in different runs, against different references ({run_a.reference}, {run_b.reference}); "
            "milliseconds of different runs can't be compared: measure them together, with thimble compare on the artifacts"
        )
    found = _quotient(_speedup(run_b, b), _speedup(run_a, a))
    return found, f"each against {run_a.reference}, in a run of its own"


def _check_conditions(a: Run, b: Run) -> None:
    """Conditions that must be equal before two runs' ratios are put together."""
    here, there = a.environment, b.environment
    names = ("processor", "instruction sets", "cores", "system", "governor")
    differing = [(name, x, y) for name, x, y in zip(names, here.comparable, there.comparable, strict=True) if x != y]
    differing += [(name, x, y) for name, x, y in (("threads", a.threads, b.threads), ("batch", a.batch, b.batch)) if x != y]
    if differing:
        name, x, y = differing[0]
        raise BadInput(f"measured under other conditions: {name} {x} and {y}; measure them together, on one machine")


def _run_of(study: Study, name: str) -> Run:
    """The joint run where the candidate was in it, else the last one that holds it and its reference."""
    able = [run for run in study.runs if name in run.members and run.reference in {c.name for c in study.candidates}]
    if not able:
        raise BadInput(f"{name} has no latency in this measurement")
    return next((run for run in able if run.id == study.joint_run), able[-1])


def _speedup(run: Run, name: str) -> Interval:
    rounds = [r.samples_ms for r in run.rounds if name in r.samples_ms and run.reference in r.samples_ms]
    return ratio_interval([r[run.reference] for r in rounds], [r[name] for r in rounds], run.seed)


def _quotient(over: Interval, under: Interval) -> Interval:
    """Of two independent ratios, with its interval: on the logarithmic scale errors add up as squares."""
    value = over.value / under.value
    up = math.hypot(math.log(over.high / over.value), math.log(under.value / under.low))
    down = math.hypot(math.log(over.value / over.low), math.log(under.high / under.value))
    return Interval(value, value * math.exp(-down), value * math.exp(up))


def _identity(candidate: Candidate) -> object:
    """What makes two candidates the same artifact in the same runtime."""
    files = candidate.artifact.files if candidate.artifact else candidate.name
    return files, candidate.runtime, candidate.options


def _drop(study_a: Study, one: Candidate, study_b: Study, other: Candidate) -> Interval | None:
    """What the second lost against the first, from the last split that both were scored on, sample by sample."""
    for split in ("test", "validation"):
        a, b = one.quality.get(split), other.quality.get(split)
        if a and b and (a.fingerprint, a.metric, len(a.scores)) == (b.fingerprint, b.metric, len(b.scores)) and a.scores:
            return drop_interval(a.scores, b.scores, METRICS.get(a.metric)(), study_a.seed)
    return None


def _size(candidate: Candidate) -> float | None:
    return candidate.size.bytes / MB if candidate.size else None


def compare_studies(before: Study, after: Study) -> list[Change]:
    """What changed from one study to a later one, or from one machine to another, for every candidate in both.

    Speed is compared by each one's ratio to its own baseline, never in milliseconds; size as it is; quality sample by
    sample, where the samples are the same.
    """
    names = {candidate.name for candidate in after.candidates if candidate.ok}
    changes: list[Change] = []
    for one in before.candidates:
        if one.ok and one.name in names:
            changes += _changes(before, one, after, after.candidate(one.name))
    return changes


def _changes(before: Study, one: Candidate, after: Study, other: Candidate) -> Sequence[Change]:
    found = []
    try:
        a, b = _speedup(_run_of(before, one.name), one.name), _speedup(_run_of(after, other.name), other.name)
    except BadInput:
        pass
    else:
        change = _quotient(b, a)
        found.append(Change(one.name, "speedup", a.value, b.value, change, verdict(change) in ("faster", "slower"), change.value < 1))
    if one.size and other.size:
        ratio = other.size.bytes / one.size.bytes
        exact = Interval(ratio, ratio, ratio)
        found.append(Change(one.name, "size", one.size.bytes / MB, other.size.bytes / MB, exact, abs(ratio - 1) > NOTICED, ratio > 1))
    drop = _drop(before, one, after, other)
    if drop is not None:
        a_, b_ = (_figure(candidate) for candidate in (one, other))
        found.append(Change(one.name, "quality", a_, b_, drop, drop.low > 0 or drop.high < 0, drop.value > 0))
    return found


def _figure(candidate: Candidate) -> float:
    """The quality on the test split where there is one, else on validation; in percent where the metric is one."""
    from thimble.stats import quality_interval

    scored = candidate.quality.get("test") or candidate.quality["validation"]
    return quality_interval(scored.scores, METRICS.get(scored.metric)()).value


def regressions(changes: Sequence[Change]) -> list[Change]:
    """The proven ones for the worse."""
    return [change for change in changes if change.proven and change.worse]
