"""The policy of a fit: the baseline, then one candidate after the other as far as it can help, then the closing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from thimble.core.job import DropProven, Open, Start, Within
from thimble.core.registry import speed_counts
from thimble.core.study import Candidate, Quality, Study
from thimble.core.verdict import Proof, Status
from thimble.decide.choose import choose, closing_told, to_test
from thimble.decide.limits import hopeless, limits_of
from thimble.decide.rows import row_of
from thimble.search import budget as shares
from thimble.search import jobs
from thimble.search.actions import Action, Add, Budget, Choose, Drop, End, Finish, Shorten, Test
from thimble.search.policy import following, why_ended
from thimble.search.recipes import trains, waits
from thimble.search.shortlist import shortlist

EXPLAINED = 3
"""Candidates that are looked into for causes at the end, at most."""
ATTEMPTS = 3
"""Closing runs at most, where the machine is too busy to tell a speed."""
TRYING, CLOSING, TESTING = 0.8, 0.15, 0.05
"""About how much of the whole work each part is."""


@dataclass(frozen=True)
class FitPolicy:
    """Try candidates in the order of their prospects while there is time, then measure the best together, choose, and confirm.

    ``student`` is a network that shall be taught.
    """

    student: str | None = None

    def propose(self, study: Study, budget: Budget) -> tuple[Action, ...]:
        """Return the next thing to do."""
        return next(self._steps(study, budget))

    def _steps(self, study: Study, budget: Budget) -> Iterator[tuple[Action, ...]]:
        """Yield what is still to do, in order: only the first of it is asked for."""
        if study.candidates[0].name in budget.doing:
            yield ()  # all others are built and compared with it
        yield from self._baseline(study, budget)
        if study.joint_run is None and "test" not in study.candidates[0].quality:
            yield from _searching(study, budget)
        if budget.running:
            yield ()
        yield from _closing_again(study, budget)
        yield from _confirming(study, budget)
        here = study.device == "local"  # graphs and operators would be looked into on this machine
        if here and shares.may_explain(budget) and (examination := jobs.examination(study, EXPLAINED)):
            yield jobs.trying(examination)
        yield (Finish(),)

    def _baseline(self, study: Study, budget: Budget) -> Iterator[tuple[Action, ...]]:
        """Open, build, score. What exceeds its share of the budget ends the study, or shortens the splits for all."""
        first, share, total = study.candidates[0], TRYING / len(study.candidates), budget.seconds
        within = None if total is None or budget.left is None else budget.left - (1 - shares.BASELINE) * total
        if not study.opened:
            yield jobs.trying(Open(candidate=first.name, student=self.student, seconds=within))
        if waits(first):
            yield jobs.trying(jobs.apply(study, first.name, within), share / 2)
        if job := jobs.first_look(study, first.name, within):
            yield jobs.trying(job, share / 8)
        if "validation" not in first.quality:
            stop = None if total is None else Within(shares.SCORING * total / 3, total)  # scored once more, on a beginning, where it stops
            yield jobs.trying(jobs.score(study, first.name, "validation", stop), share / 4)
        yield from _shortened(study, budget)


def _shortened(study: Study, budget: Budget) -> Iterator[tuple[Action, ...]]:
    """Shorten validation to what was scored of the baseline, and test to what there will be time for."""
    first, splits = study.candidates[0], study.task.splits
    scored = first.quality["validation"]
    if budget.seconds is None or not (n := _samples(scored)):
        return
    yield from _whole_again(study, "validation")
    affordable = max(1, int(shares.TESTING * budget.seconds * n / max(scored.seconds, 1e-9)))
    if "test" in splits and affordable < splits["test"].samples and "test" not in first.quality:
        yield (Shorten("test", affordable),)


def _whole_again(study: Study, split: str) -> Iterator[tuple[Action, ...]]:
    """Where scoring the baseline stopped early, shorten the split to what was scored, and score that as a whole, outputs kept."""
    first, info = study.candidates[0], study.task.splits[split]
    scored = first.quality[split]
    n = _samples(scored)
    if n < info.samples:
        yield (Shorten(split, n),)
    if scored.fingerprint != info.fingerprint:
        yield jobs.trying(jobs.score(study, first.name, split))


def _samples(quality: Quality) -> int:
    return max(len(quality.scores), len(quality.agreement))


def _searching(study: Study, budget: Budget) -> Iterator[tuple[Action, ...]]:
    """Candidates in their order, each as long as it may still meet the limits; the closing run when nothing is left, or no time."""
    for candidate in study.candidates[1:]:
        if candidate.ok and candidate.name not in budget.doing:
            yield from _looked_at(study, candidate, budget)
    if (best := choose(study)) != study.chosen:
        yield (Choose(best),)
    after, left = following(study, budget), shares.until_closing(study, budget)
    if after is None or (left is not None and left < 0):
        if budget.running:
            yield ()
        if not study.ended:
            yield (End(why_ended(study, budget)),)
        yield from _closing(study, budget)
        return
    if isinstance(after, Add):
        yield (after,)
    yield jobs.trying(jobs.apply(study, str(after), left), TRYING / len(study.candidates) / 2)


def _looked_at(study: Study, candidate: Candidate, budget: Budget) -> Iterator[tuple[Action, ...]]:
    """What is still to be seen of a candidate, unless it can't meet the limits any more.

    Of what was removed and trained the time is seen first: whatever becomes of the quality, the search goes on from it.
    """
    name, share = candidate.name, TRYING / len(study.candidates)
    timed = any(name in run.members for run in study.runs) or not speed_counts(candidate.runtime)
    first = candidate.origin is not None and trains(candidate) and study.limits.minimize == "latency"
    if (timed or not first) and (reason := hopeless(study, name)):
        yield (Drop((name,), Status.GIVEN_UP, reason),)
    left = shares.until_closing(study, budget)
    if job := jobs.first_look(study, name, left):
        if isinstance(job, Start) and left is not None and left < budget.opening_s:
            yield (Drop((name,), Status.NOT_TRIED, "the time budget was used up before its process could be started"),)
        yield jobs.trying(job, share / 8)
    if first and not timed:
        yield from _timed(study, name, budget)
    if "validation" not in candidate.quality:
        most = study.limits.max_drop
        stop = None if most is None else DropProven(most, study.candidates[0].quality["validation"])
        yield jobs.trying(jobs.score(study, name, "validation", stop, shares.until_closing(study, budget)), share / 4)
    if not timed:
        yield from _timed(study, name, budget)


def _timed(study: Study, name: str, budget: Budget) -> Iterator[tuple[Action, ...]]:
    """A first look at a candidate's latency, beside the baseline."""
    timing = jobs.timing(study, [study.candidates[0].name, name], shares.look(study, budget), joint=False)
    pace, left = shares.pace(study), shares.until_closing(study, budget)
    needed = 0.0 if pace is None or budget.known(timing) else pace.seconds(2, shares.LOOK_ROUNDS)
    if left is not None and left < needed:
        yield (Drop((name,), Status.NOT_TRIED, "the time budget was used up before its latency was measured"),)
    yield jobs.trying(timing, TRYING / len(study.candidates) / 8)


def _closing(study: Study, budget: Budget) -> Iterator[tuple[Action, ...]]:
    """Measure the best ones together, where there is time."""
    late = tuple(candidate.name for candidate in study.candidates if waits(candidate))
    dropped = (Drop(late, Status.NOT_TRIED, "the time budget was used up before its turn"),) if late else ()
    names = shortlist(study)
    sampling = shares.closing_sampling(study, names, budget) if len(names) > 1 else None
    closing = jobs.trying(jobs.timing(study, names, sampling, joint=True), CLOSING) if sampling else ()
    if dropped or closing:
        yield (*dropped, *closing)


def _closing_again(study: Study, budget: Budget) -> Iterator[tuple[Action, ...]]:
    """Measure the same candidates together once more where other programs left nothing of it, while there is time."""
    last = next((run for run in study.runs if run.id == study.joint_run), None)
    if last is None or len(last.members) < 2 or closing_told(study) or "test" in study.candidates[0].quality:
        return
    attempt = last.seed - study.seed + 1  # as `closing_sampling` gives them
    if attempt < ATTEMPTS and (sampling := shares.closing_sampling(study, last.members, budget, attempt)):
        yield jobs.trying(jobs.timing(study, last.members, sampling, joint=True), CLOSING)


def _confirming(study: Study, budget: Budget) -> Iterator[tuple[Action, ...]]:
    """Choose, and open the test split for the baseline and the chosen one; before it for a likely one that would be better.

    Which these are is decided before the test split is opened. Where the machine has become slower than validation foresaw, the first
    samples are tested that there is time for. How many these are depends on the time alone, never on what was scored.
    """
    first = study.candidates[0]
    if "test" not in first.quality:
        if (best := choose(study)) != study.chosen:
            yield (Choose(best),)
        if (order := to_test(study)) != study.tested and "test" in study.task.splits:
            yield (Test(order),)
    if "test" not in study.task.splits:
        return
    if "test" not in first.quality:
        affordable = shares.testable(study, budget)
        if affordable < shares.NOTICED * study.task.splits["test"].samples:
            yield (Shorten("test", affordable),)
        seconds, total = shares.testing_s(budget), budget.seconds
        stop = None if seconds is None or total is None else Within(max(0.0, seconds), total)
        yield jobs.trying(jobs.score(study, first.name, "test", stop), TESTING / 2)
    yield from _whole_again(study, "test")
    for name in study.tested or filter(None, (study.chosen,)):
        if study.candidate(name).ok and "test" not in study.candidate(name).quality:
            yield jobs.trying(jobs.score(study, name, "test"), TESTING / 2)
        if name != study.chosen and _confirmed(study, name):
            yield (Choose(name),)
        if _confirmed(study, name):
            return


def _confirmed(study: Study, name: str) -> bool:
    """Return whether the test split proves that a candidate keeps every limit."""
    candidate = study.candidate(name)
    return candidate.ok and "test" in candidate.quality and set(limits_of(row_of(study, candidate), study.limits).values()) <= {Proof.MET}
