"""Compare two measurements that were not taken together: pure functions of stored studies.

Milliseconds of two runs are never compared. Two members of one run are, round by round; across runs only each one's
ratio to the same reference is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from thimble.core.comparison import Change, Comparison, Side
from thimble.core.errors import BadInput
from thimble.core.registry import METRICS
from thimble.core.study import Advice, Candidate, Run, Study
from thimble.core.summary import Interval
from thimble.core.values import MB
from thimble.core.verdict import Changed, Speed
from thimble.stats import drop_interval, quality_interval, speedup_in, verdict

NOTICED = 0.01
"""A relative growth in size below this is packing, and no regression."""


@dataclass(frozen=True)
class Verdict:
    """A second artifact compared with a first one.

    ``verdict`` is ``faster``, ``slower`` or ``no proven difference``; ``ratio`` how many times as fast the second is;
    ``how`` what the ratio was computed from; ``drop`` what the second lost in quality, where both were scored on the
    same samples; sizes in MB; ``warnings`` what was odd about the runs that the ratio comes from; ``worse`` is
    what is proven to be worse: ``slower``, ``less accurate``.
    """

    first: str
    second: str
    verdict: Speed
    ratio: Interval
    how: str
    drop: Interval | None = None
    sizes_mb: tuple[float | None, float | None] = (None, None)
    warnings: tuple[Advice, ...] = ()
    worse: tuple[str, ...] = ()


def compare_saved(first: tuple[Study, str], second: tuple[Study, str]) -> Verdict:
    """Compare two candidates of stored measurements. Raises `BadInput` with the reason where they can't be compared."""
    (study_a, a), (study_b, b) = first, second
    one, other = study_a.candidate(a), study_b.candidate(b)
    ratio, how, runs = ratio_between(study_a, a, study_b, b)
    warnings = tuple(dict.fromkeys(advice for run in runs for advice in run.warnings if advice.member in (None, a, b)))
    said, drop = verdict(ratio), drop_between(study_a, one, other)
    worse = (*([Speed.SLOWER] if said == Speed.SLOWER else []), *(["less accurate"] if drop and drop.low > 0 else []))
    return Verdict(a, b, said, ratio, how, drop, (_size(one), _size(other)), warnings, worse)


def ratio_between(study_a: Study, a: str, study_b: Study, b: str) -> tuple[Interval, str, tuple[Run, ...]]:
    """Return how many times as fast the second is, what that is computed from, and the runs; raises `BadInput` with the reason."""
    shared = next((run for run in study_a.runs if run.id in {r.id for r in study_b.runs} and {a, b} <= set(run.members)), None)
    if shared is not None:
        together = sum(a in r.samples_ms and b in r.samples_ms for r in shared.rounds)
        return _speedup(shared, b, a), f"measured together, {together} rounds", (shared,)
    run_a, run_b = _run_of(study_a, a), _run_of(study_b, b)
    _check_conditions(run_a, run_b)
    reference_a, reference_b = study_a.candidate(run_a.reference), study_b.candidate(run_b.reference)
    if _identity(reference_a) != _identity(reference_b):
        raise BadInput(
            f"`{a}` and `{b}` were measured in different runs against different references (`{run_a.reference}`, `{run_b.reference}`), "
            "so their milliseconds can't be compared; measure them together: run `thimble compare` on the artifacts"
        )
    found = _quotient(_speedup(run_b, b), _speedup(run_a, a))
    return found, f"each against {run_a.reference}, in separate runs", (run_a, run_b)


def _check_conditions(a: Run, b: Run) -> None:
    """Raise `BadInput` where conditions differ that must be equal before the ratios of two runs are combined."""
    here, there = a.environment, b.environment
    names = ("processor", "instruction sets", "cores", "system", "governor")
    differing = [(name, x, y) for name, x, y in zip(names, here.comparable, there.comparable, strict=True) if x != y]
    differing += [(name, x, y) for name, x, y in (("threads", a.threads, b.threads), ("batch", a.batch, b.batch)) if x != y]
    if differing:
        name, x, y = differing[0]
        raise BadInput(f"measured under different conditions: {name} {x} and {y}; measure both together on one machine")


def _run_of(study: Study, name: str) -> Run:
    """Return the joint run where the candidate was in it, else the last run with the candidate and its reference."""
    able = [run for run in study.runs if name in run.members and run.reference in {c.name for c in study.candidates}]
    if not able:
        raise BadInput(f"`{name}` has no latency in this measurement")
    return next((run for run in able if run.id == study.joint_run), able[-1])


def _speedup(run: Run, name: str, reference: str | None = None) -> Interval:
    found = speedup_in(run, name, reference)
    if found is None:
        raise BadInput(f"`{name}` shares fewer than two rounds with `{reference or run.reference}`; measure them together")
    return found


def _quotient(over: Interval, under: Interval) -> Interval:
    """Return the quotient of two independent ratios with its interval: on the logarithmic scale errors add up as squares."""
    value = over.value / under.value
    up = math.hypot(math.log(over.high / over.value), math.log(under.value / under.low))
    down = math.hypot(math.log(over.value / over.low), math.log(under.high / under.value))
    return Interval(value, value * math.exp(-down), value * math.exp(up))


def _identity(candidate: Candidate) -> object:
    """Return a value that is equal for the same artifact in the same runtime."""
    files = candidate.artifact.files if candidate.artifact else candidate.name
    return files, candidate.runtime, candidate.options


def drop_between(study_a: Study, one: Candidate, other: Candidate) -> Interval | None:
    """Return the drop of the second against the first, sample by sample, from the last split that scored both."""
    for split in ("test", "validation"):
        a, b = one.quality.get(split), other.quality.get(split)
        if a and b and (a.fingerprint, a.metric, len(a.scores)) == (b.fingerprint, b.metric, len(b.scores)) and a.scores:
            return drop_interval(a.scores, b.scores, METRICS.get(a.metric)(), study_a.seed)
    return None


def _size(candidate: Candidate) -> float | None:
    return candidate.size.bytes / MB if candidate.size else None


def compare_studies(studies: Sequence[Study], labels: Sequence[str]) -> Comparison:
    """Compare each study with the first one, for every candidate that the first and another have: speed, size and quality.

    Speed by each one's ratio to its own reference; size as it is, a hundredth more or less being packing; quality
    sample by sample, where the samples are the same.
    """
    names = [c.name for c in studies[0].candidates if c.ok and any(_ok(study, c.name) for study in studies[1:])]
    figures = {"speedup": ("x", _speedups), "size": ("MB", _sizes), "quality": (studies[0].task.unit, _qualities)}
    changes = []
    for name in names:
        for measure, (unit, look) in figures.items():
            values, verdicts, reasons = zip(*look(studies, name), strict=True)
            if sum(value is not None for value in values) > 1:
                changes.append(Change(name, measure, unit, values, verdicts, reasons))
    return Comparison(tuple(map(_side, studies, labels)), tuple(changes), tuple(_notes(studies, labels)))


Seen = tuple[Interval | None, Changed, str]
"""A figure in one study, its verdict against the first study, and why there is none."""


def _ok(study: Study, name: str) -> Candidate | None:
    return next((c for c in study.candidates if c.name == name and c.ok), None)


def _speedups(studies: Sequence[Study], name: str) -> Iterator[Seen]:
    first: tuple[Run, Interval] | None = None
    for i, study in enumerate(studies):
        try:
            run = _run_of(study, name)
            found = _speedup(run, name)
        except BadInput:
            yield None, Changed.ITSELF, ""
            continue
        if i == 0:
            first = (run, found)
        if i == 0 or first is None or name == run.reference:
            yield found, Changed.ITSELF, ""
        elif (first[0].threads, first[0].batch) != (run.threads, run.batch):
            other = f"measured with {first[0].threads} and {run.threads} threads, batch {first[0].batch} and {run.batch}"
            yield found, Changed.NOT_COMPARABLE, other
        else:
            words = {Speed.FASTER: Changed.BETTER, Speed.SLOWER: Changed.WORSE}
            yield found, words.get(verdict(_quotient(found, first[1])), Changed.NO_CHANGE), ""


def _sizes(studies: Sequence[Study], name: str) -> Iterator[Seen]:
    first: float | None = None
    for i, study in enumerate(studies):
        candidate = _ok(study, name)
        size = _size(candidate) if candidate else None
        if i == 0:
            first = size
        said = Changed.ITSELF
        if i and size is not None and first:
            said = Changed.NO_CHANGE if abs(size / first - 1) <= NOTICED else Changed.WORSE if size > first else Changed.BETTER
        yield None if size is None else Interval(size, size, size), said, ""


def _qualities(studies: Sequence[Study], name: str) -> Iterator[Seen]:
    first = _ok(studies[0], name)
    for i, study in enumerate(studies):
        candidate = _ok(study, name)
        shown = _figure(candidate) if candidate else None
        if shown is None or candidate is None or first is None or i == 0:
            yield shown, Changed.ITSELF, ""
        elif (drop := drop_between(studies[0], first, candidate)) is None:
            yield shown, Changed.NOT_COMPARABLE, "scored on different samples or by a different metric"
        else:
            yield shown, Changed.WORSE if drop.low > 0 else Changed.BETTER if drop.high < 0 else Changed.NO_CHANGE, ""


def _figure(candidate: Candidate) -> Interval | None:
    """Return the quality on the test split, else on validation; in percent where the metric is a share."""
    scored = candidate.quality.get("test") or candidate.quality.get("validation")
    return quality_interval(scored.scores, METRICS.get(scored.metric)()) if scored and scored.scores else None


def _side(study: Study, label: str) -> Side:
    reference = study.candidates[0].name if study.candidates else ""
    return Side(label, study.model, study.task.spec, study.environment.processor, study.threads, reference, study.started)


def _notes(studies: Sequence[Study], labels: Sequence[str]) -> Iterator[str]:
    first = studies[0].environment
    for study, label in zip(studies[1:], labels[1:], strict=True):
        if study.environment.comparable != first.comparable:
            there = study.environment
            yield f"{label}: another machine or machine state ({there.processor}, {there.cores} cores); only ratios are comparable"
        differing = [f"{k} {first.versions[k]} and {v}" for k, v in study.environment.versions.items() if first.versions.get(k, v) != v]
        if differing:
            yield f"{label}: other versions: {', '.join(differing)}"
