"""Carries out what `thimble.search.policy` proposes, and keeps the time budget while it does."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from statistics import median

from thimble.core.errors import OutOfTime, StepFailed
from thimble.core.recipe import Recipe
from thimble.core.sampling import Sampling
from thimble.core.study import Quality, Study
from thimble.decide.choose import choose
from thimble.decide.limits import hopeless
from thimble.decide.summarize import no_better_than_guessing
from thimble.engine.build import Failed
from thimble.search.candidates import mixed, trained_longer
from thimble.search.policy import LONGER, SHORTLIST, Close, Lengthen, Mix, Skip, mixed_name, propose, shortlist
from thimble.study.examining import explain
from thimble.study.observing import Watch
from thimble.study.work import Event, Work

LOOK_ROUNDS = 8
"""Rounds of the first look at a candidate's latency, beside the baseline."""
CLOSING_ROUNDS = (30, 16, 8)
"""Rounds of the closing joint run: as many of these as there is time for."""
CLOSING = 0.25
"""Share of the budget that is kept for the closing while nothing is known of how long that takes."""
MOST_CLOSING = 0.5
BASELINE = 0.75
"""Share of the budget within which the baseline must be there."""
SCORING, TESTING = 0.12, 0.2
"""Shares of the budget that scoring the baseline on validation and on test may take; of a larger split its beginning is scored."""
REPORTS_S = 8.0
"""What writing the reports takes, about, on a processor that nobody else uses."""
EXPLAINED, EXPLAINING_S = 3, 15.0
"""Candidates that are looked into for causes at the end, and what one of them may take."""
SLACK = 1.15
STRETCH_S = 0.06
"""Processor time that is used to see how slow the machine is: several of the system's time slices."""


@dataclass
class Clock:
    """A budget in seconds from a beginning in `time.monotonic`; ``None`` is no limit."""

    seconds: float | None
    begun: float

    def until(self, reserve: float) -> float | None:
        """The time at which no more than ``reserve`` seconds are left."""
        return None if self.seconds is None else self.begun + self.seconds - reserve

    def left(self) -> float | None:
        """Seconds left."""
        return None if self.seconds is None else self.begun + self.seconds - time.monotonic()


class Search:
    """One study's search: the baseline, then one proposal after the other, then the closing."""

    def __init__(self, work: Work, clock: Clock) -> None:
        self.work, self.clock = work, clock
        self.recipes = {recipe.name: recipe for recipe in work.plan.recipes}
        self.share = 0.8 / len(self.recipes)
        short = clock.seconds is not None and clock.seconds < 180
        self.look = Sampling(rounds=LOOK_ROUNDS, seed=work.plan.seed, warmup_s=2.0 if short else 5.0)

    def run(self) -> None:
        """Try what is proposed while there is time, then measure the best together, choose, and confirm."""
        self._baseline()
        while True:
            step = propose(self.work.study)
            if isinstance(step, Skip):
                self.work.drop(step.name, "not tried", step.reason)
            elif isinstance(step, Close):
                break
            elif self._late():
                self._give_up()
                break
            elif isinstance(step, Mix):
                self._mix(step)
            elif isinstance(step, Lengthen):
                self._lengthen(step)
            else:
                with self.work.part(self.share):
                    self._try(self.recipes[step.name])
        self._close()

    def _baseline(self) -> None:
        """Open, build, score. What exceeds its share of the budget ends the study, or shortens the splits for all."""
        work, clock = self.work, self.clock
        deadline = clock.until((1 - BASELINE) * (clock.seconds or 0))
        try:
            work.open(deadline)
            with work.part(self.share):
                work.build(self.recipes[work.first], deadline)
                work.observe(work.first, watch=self._shortening(SCORING * (clock.seconds or 0), "validation"))
        except StepFailed as error:
            if isinstance(error, OutOfTime) or (isinstance(error, Failed) and error.status == "not tried"):
                raise OutOfTime(f"the time budget of {clock.seconds:g} s was used up before the baseline was ready; allow more") from error
            raise
        self._shorten()
        for advice in no_better_than_guessing(work.study):
            work.listen(Event(work.at, work.first, advice.text))
        work.choose(choose(work.study))
        work.save()

    def _shortening(self, seconds: float, split: str) -> Watch | None:
        """Ends the scoring of the baseline where twice as many samples, scored again with their outputs kept, would take longer."""
        if self.clock.seconds is None:
            return None
        return Watch(lambda quality: 3 * quality.seconds > seconds, ("budget", split, self.clock.seconds))

    def _shorten(self) -> None:
        """Shorten validation to what was scored, and test to what there will be time for."""
        work = self.work
        scored, splits = work.study.candidate(work.first).quality["validation"], work.study.task.splits
        n = max(len(scored.scores), len(scored.agreement))
        if self.clock.seconds is None or not n:
            return
        if n < splits["validation"].samples:
            work.shorten("validation", n)
            work.observe(work.first)
            scored = work.study.candidate(work.first).quality["validation"]
        affordable = int(TESTING * self.clock.seconds * n / max(scored.seconds, 1e-9))
        if "test" in splits and affordable < splits["test"].samples:
            work.shorten("test", max(1, affordable))

    def _late(self) -> bool:
        deadline = self._deadline()
        return deadline is not None and time.monotonic() > deadline

    def _give_up(self) -> None:
        for candidate in self.work.study.candidates:
            if candidate.status == "not tried" and not candidate.reason:
                self.work.change(candidate.name, reason="the time budget was used up before its turn")

    def _mix(self, step: Mix) -> None:
        """Add and try a mixed form; what its ranking told of the layers is told of the plain form too."""
        work, name = self.work, mixed_name(step.base, step.keep)
        self.recipes[name] = mixed(self.recipes[step.base], step.keep, name)
        work.add(self.recipes[name], after=step.base)
        self._try(self.recipes[name])
        if ranking := work.study.candidate(name).sensitivity_db:
            work.change(step.base, sensitivity_db=ranking)
            work.save()

    def _lengthen(self, step: Lengthen) -> None:
        """Add and try a candidate that is trained longer."""
        name = step.base + LONGER
        self.recipes[name] = trained_longer(self.recipes[step.base], name)
        self.work.add(self.recipes[name], after=step.base)
        self._try(self.recipes[name])

    def _try(self, recipe: Recipe) -> None:
        """Build, score and time one candidate, as long as it may still meet the limits."""
        work, name, deadline = self.work, recipe.name, self._deadline()
        if work.build(recipe, deadline) and not self._dropped(name):
            work.observe(name, watch=self._judging(name, deadline))
            if name in work.ready and not self._dropped(name):
                self._time(name, deadline)
        work.choose(choose(work.study))
        work.save()

    def _time(self, name: str, deadline: float | None) -> None:
        work = self.work
        names, pace = [work.first, name], _pace(work.study)
        needed = 0.0 if pace is None or work.measured(names, self.look) else pace.seconds(2, LOOK_ROUNDS)
        if deadline is not None and time.monotonic() + needed > deadline:
            work.drop(name, "not tried", "the time budget was used up before its latency was measured")
            return
        work.measure(names, self.look, joint=False)
        self._dropped(name)

    def _dropped(self, name: str) -> bool:
        """Give a candidate up that can't meet the limits any more."""
        if self.work.study.candidate(name).ok and (reason := hopeless(self.work.study, name)):
            self.work.drop(name, "dropped", reason)
        return name not in self.work.ready

    def _judging(self, name: str, deadline: float | None) -> Watch:
        """Ends the scoring of a candidate as soon as it can't keep the limit on the drop, or the time is up."""
        work = self.work

        def enough(quality: Quality) -> bool:
            study = work.study
            asked = replace(study.candidate(name), quality={"validation": quality})
            rest = tuple(asked if c.name == name else c for c in study.candidates)
            return hopeless(replace(study, candidates=rest), name) is not None

        def each(seen: int) -> None:
            if deadline is not None and time.monotonic() > deadline:
                raise OutOfTime(f"the time budget was used up when {seen:,} validation samples were scored")

        limit = work.study.limits.max_drop
        return Watch(enough if limit is not None else lambda quality: False, ("drop", limit), each)

    def _deadline(self) -> float | None:
        """When the closing has to begin, as far as what was measured tells how long it takes."""
        total = self.clock.seconds
        if total is None:
            return None
        pace, n = _pace(self.work.study), len(shortlist(self.work.study))
        if pace is None:
            return self.clock.until(CLOSING * total)
        runs = self._closing_s(pace, min(n + 1, SHORTLIST + 2), self._rounds(total)) + self._test_s()
        return self.clock.until(min(MOST_CLOSING * total, SLACK * (runs + REPORTS_S * stretch())))

    def _rounds(self, total: float) -> int:
        """Rounds that are worth waiting for within such a budget."""
        return CLOSING_ROUNDS[0] if total >= 300 else CLOSING_ROUNDS[1] if total >= 120 else CLOSING_ROUNDS[2]

    def _test_s(self) -> float:
        """About what scoring the baseline and the best on the test split takes, by what validation took."""
        work, splits = self.work, self.work.study.task.splits
        scored = [work.study.candidate(name).quality.get("validation") for name in {work.first, work.study.chosen or work.first}]
        if "test" not in splits:
            return 0.0
        return sum(one.seconds for one in scored if one) * splits["test"].samples / max(1, splits["validation"].samples)

    def _close(self) -> None:
        """Measure the best ones together, choose, and open the test split for the baseline and the chosen one."""
        work, names = self.work, shortlist(self.work.study)
        with work.part(0.15):
            sampling = self._closing(names)
            if sampling is not None:
                work.measure(names, sampling, joint=True)
        work.choose(choose(work.study))
        with work.part(0.05):
            self._shorten_test()
            chosen = work.study.chosen
            work.test([work.first, *([chosen] if chosen and chosen != work.first else [])])
        explain(work, work.ready, EXPLAINED, self.clock.until((REPORTS_S + EXPLAINING_S) * stretch()))
        work.study = replace(work.study, complete=True)

    def _shorten_test(self) -> None:
        """Where the machine has become slower than validation foresaw, test on the first samples that there is time for.

        How many these are depends on the time alone, never on what was scored.
        """
        work, left = self.work, self.clock.left()
        if left is None or "test" not in work.study.task.splits:
            return
        watch = self._shortening(0.5 * (left - REPORTS_S * stretch()), "test")
        n = work.scored(work.first, "test", watch)
        if n < work.study.task.splits["test"].samples:
            work.shorten("test", n)

    def _closing(self, names: list[str]) -> Sampling | None:
        """The closing run that was made before, or the longest that there is time for; none where there is none."""
        plans = [replace(self.work.plan.sampling, rounds=rounds, warmup_s=self.look.warmup_s) for rounds in CLOSING_ROUNDS]
        if done := next((plan for plan in plans if self.work.measured(names, plan)), None):
            return done
        left, pace = self.clock.left(), _pace(self.work.study)
        if left is None or pace is None:
            return plans[0]
        left -= self._test_s() + REPORTS_S * stretch()
        return next((plan for plan in plans if self._closing_s(pace, len(names), plan.rounds or 0) < left), None)

    def _closing_s(self, pace: Pace, members: int, rounds: int) -> float:
        """About what the closing run takes, in processes of its own, which the two that are tested then need once more."""
        return pace.seconds(members, rounds) + (members + 2) * self.work.observing.opening_s


@dataclass(frozen=True)
class Pace:
    """What one member of a run takes: to be opened and warmed up, and for each round."""

    opening: float
    turn: float

    def seconds(self, members: int, rounds: int) -> float:
        """A whole run."""
        return members * (self.opening + rounds * self.turn)


def stretch() -> float:
    """How many times as long as its processor time something takes here now: more than 1 where others use the machine too."""
    began, used = time.monotonic(), time.process_time()
    while (spent := time.process_time() - used) < STRETCH_S:
        pass
    return max(1.0, (time.monotonic() - began) / spent)


def _pace(study: Study) -> Pace | None:
    """The median pace of the runs so far."""
    runs = [run for run in study.runs if len(run.rounds) > 1]
    if not runs:
        return None
    openings = [run.rounds[0].at_s / len(run.members) for run in runs]
    turns = [(run.rounds[-1].at_s - run.rounds[0].at_s) / (len(run.rounds) - 1) / len(run.members) for run in runs]
    return Pace(median(openings), median(turns))
