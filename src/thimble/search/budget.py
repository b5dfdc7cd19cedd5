"""What a fit's parts may take of its time budget, by what the study has shown so far of how long things take here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from thimble.core.sampling import Sampling
from thimble.core.study import Study
from thimble.decide.choose import to_test
from thimble.search import jobs
from thimble.search.actions import Budget
from thimble.search.shortlist import SHORTLIST, shortlist

LOOK_ROUNDS = 8
"""Rounds of the first look at a candidate's latency, beside the baseline."""
CLOSING_ROUNDS = (30, 16, 8)
"""Rounds of the closing joint run: as many of these as there is time for."""
CLOSING, MOST_CLOSING = 0.25, 0.5
"""Shares of the budget that are kept for the closing: while nothing is known of how long that takes, and at most."""
BASELINE = 0.75
"""Share of the budget within which the baseline must be there."""
SCORING, TESTING = 0.12, 0.2
"""Shares of the budget that scoring the baseline on validation and on test may take; of a larger split its beginning is scored."""
REPORTS_S, EXPLAINING_S = 8.0, 15.0
"""What writing the reports and looking into one candidate take, about, on a processor that nobody else uses."""
SLACK = 1.15
FEWEST, TESTED, NOTICED = 128, 0.8, 0.9
"""Test samples that are scored in any case; the share of the time that is left which may be foreseen for them; and the share of the split
below which it is shortened.
"""
SHORT_S = 180.0
"""Budgets below this have shorter warm-ups."""


@dataclass(frozen=True)
class Pace:
    """What one member of a run takes: to be opened and warmed up, and for each round."""

    opening: float
    turn: float

    def seconds(self, members: int, rounds: int) -> float:
        """Return what a whole run takes."""
        return members * (self.opening + rounds * self.turn)


def pace(study: Study) -> Pace | None:
    """Return the median pace of the runs so far."""
    runs = [run for run in study.runs if len(run.rounds) > 1]
    if not runs:
        return None
    openings = [run.rounds[0].at_s / len(run.members) for run in runs]
    turns = [(run.rounds[-1].at_s - run.rounds[0].at_s) / (len(run.rounds) - 1) / len(run.members) for run in runs]
    return Pace(median(openings), median(turns))


def look(study: Study, budget: Budget) -> Sampling:
    """Return how a candidate's latency is looked at first."""
    short = budget.seconds is not None and budget.seconds < SHORT_S
    return Sampling(rounds=LOOK_ROUNDS, seed=study.seed, warmup_s=2.0 if short else 5.0)


def until_closing(study: Study, budget: Budget) -> float | None:
    """Return the seconds that are left before the closing has to begin, as far as what was measured tells; negative when it is late."""
    if budget.seconds is None or budget.left is None:
        return None
    here, total = pace(study), budget.seconds
    if here is None:
        return budget.left - CLOSING * total
    rounds = CLOSING_ROUNDS[0] if total >= 300 else CLOSING_ROUNDS[1] if total >= 120 else CLOSING_ROUNDS[2]
    members = min(len(shortlist(study)) + 1, SHORTLIST + 2)
    closing = _closing_s(here, members, rounds, budget) + _test_s(study)
    return budget.left - min(MOST_CLOSING * total, SLACK * (closing + REPORTS_S * budget.stretch))


def closing_sampling(study: Study, names: Sequence[str], budget: Budget, attempt: int = 0) -> Sampling | None:
    """Return the closing run that was made before, or the longest that there is time for; ``None`` where there is none.

    A further ``attempt`` has a seed of its own, so that it is not found where the first one was kept.
    """
    plans = [replace(look(study, budget), rounds=rounds, seed=study.seed + attempt) for rounds in CLOSING_ROUNDS]
    if done := next((plan for plan in plans if budget.known(jobs.timing(study, names, plan, joint=True))), None):
        return done
    here = pace(study)
    if budget.left is None or here is None:
        return plans[0]
    left = budget.left - _test_s(study) - REPORTS_S * budget.stretch
    return next((plan for plan in plans if _closing_s(here, len(names), plan.rounds or 0, budget) < left), None)


def testable(study: Study, budget: Budget) -> int:
    """Return how many test samples there is time for, by what validation took of the candidates to be tested."""
    samples, taken = study.task.splits["test"].samples, _test_s(study)
    if budget.left is None or not taken:
        return samples
    share = TESTED * (budget.left - REPORTS_S * budget.stretch) / taken
    return min(samples, max(FEWEST, int(share * samples)))


def testing_s(budget: Budget) -> float | None:
    """Return the seconds that scoring the baseline on the test split may take: the machine may have become slower than was foreseen."""
    return None if budget.left is None else 0.5 * (budget.left - REPORTS_S * budget.stretch)


def may_explain(budget: Budget) -> bool:
    """Return whether there is time to look into one more candidate."""
    return budget.left is None or budget.left > (REPORTS_S + EXPLAINING_S) * budget.stretch


def _test_s(study: Study) -> float:
    """Return about what scoring the baseline and the best on the test split takes, by what validation took."""
    first, splits = study.candidates[0].name, study.task.splits
    scored = [study.candidate(name).quality.get("validation") for name in {first, *(to_test(study) or (first,))}]
    if "test" not in splits:
        return 0.0
    return sum(one.seconds for one in scored if one) * splits["test"].samples / max(1, splits["validation"].samples)


def _closing_s(here: Pace, members: int, rounds: int, budget: Budget) -> float:
    """Return about what the closing run takes, in processes of its own, which the two that are tested then need once more."""
    return here.seconds(members, rounds) + (members + 2) * budget.opening_s
