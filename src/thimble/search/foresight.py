"""What removing more, or training longer, would cost and bring, foreseen from what was tried; and how much training there is time for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from thimble.core.study import Candidate, StepRecord, Study
from thimble.search import budget as shares
from thimble.search.actions import Budget

POWER = 0.5
"""The drop falls with this power of the samples that training sees, until two trainings of one network say otherwise."""
FLATTEST, STEEPEST = 0.2, 1.0
SQUARE = 2.0
"""The drop grows with this power of the share that is removed."""
UNLIMITED = 32_000
"""Samples that training sees at most, where there is no time budget and the train split isn't larger."""
SLOWER = 6.0
"""How many times as long a sample takes in training as in scoring the baseline, until one was trained: forward, backward, the teacher."""
MARGIN = 0.03
"""Share of the time that is left free: what the closing takes grows with every good candidate."""
STARTING_S = 6.0
"""Seconds that a training takes before its first sample, until one was seen: the precision is measured, held-out samples are scored."""
LEAST = 2_000
"""Samples below which training isn't worth its start: its rate has hardly risen by then."""


@dataclass(frozen=True)
class Trial:
    """One removal as it came out: its level, the samples that training saw, and what they cost and lost.

    ``slack`` is the distance from the drop to the upper end of its interval, ``None`` where scoring stopped early. ``cost`` is
    infinite where it was not measured.
    """

    level: float
    samples: int
    cost: float
    drop: float
    slack: float | None
    proven: bool


@dataclass(frozen=True)
class Law:
    """One way of removing: its trials, and the ``whole`` network's cost. ``least`` is a drop below which there is only noise."""

    trials: tuple[Trial, ...]
    whole: float
    least: float

    def cost(self, level: float) -> float:
        """Return the cost of a level: on straight lines between those that are known, the whole network among them."""
        known = sorted({0.0: self.whole, **{t.level: t.cost for t in self.trials if t.cost < math.inf}}.items())
        if len(known) < 2:
            return self.whole
        (x0, y0), (x1, y1) = next(((a, b) for a, b in pairwise(known) if b[0] >= level), (known[-2], known[-1]))
        return max(0.02 * self.whole, y0 + (y1 - y0) * (level - x0) / (x1 - x0))

    def drop(self, level: float, samples: int) -> float:
        """Return the drop of a level after training on so many samples, by the nearest level that was tried longest."""
        near = min(self.trials, key=lambda trial: (abs(trial.level - level), -trial.samples))
        start = max(near.drop, self.least)
        grown: float = (level / near.level) ** SQUARE
        return start * grown * math.pow(near.samples / samples, self._power(near.level))

    def longest(self, level: float) -> int:
        """Return the most samples on which a level was trained; 0 where it was not tried."""
        return max((trial.samples for trial in self.trials if trial.level == level), default=0)

    def _power(self, level: float) -> float:
        *_, before, last = sorted((t for t in self.trials if t.level == level), key=lambda t: t.samples) * 2
        if before.samples >= last.samples:
            return POWER
        fell = math.log(max(before.drop, self.least) / max(last.drop, self.least)) / math.log(last.samples / before.samples)
        return min(STEEPEST, max(FLATTEST, fell))


@dataclass(frozen=True)
class Time:
    """The time that is left for trying, ``None`` without a limit; what a trial takes besides training, and samples trained a second."""

    left: float | None
    besides: float
    rate: float
    most: int

    def samples(self, share: float = 1.0) -> int:
        """Return the samples that can be trained on in a share of the time, with two digits; what they are is part of the recipe."""
        if self.left is None:
            return _two_digits(share * self.most)
        return _two_digits(max(0.0, share * (1 - MARGIN) * self.left - self.besides) * self.rate)

    def after(self, samples: int) -> Time:
        """Return the time that is left after a trial of so many samples."""
        left = None if self.left is None else max(0.0, self.left - self.besides - samples / self.rate)
        return Time(left, self.besides, self.rate, self.most)


def time_left(study: Study, form: Candidate, budget: Budget) -> Time:
    """Return what there is time for, by the trials so far; before the first one by what ``form`` took, whose steps each trial repeats."""
    trained = [step for c in study.candidates for step in c.steps if step.notes.get("samples_trained")]
    longest = max(trained, key=lambda step: step.notes["samples_trained"], default=None)
    scored = study.candidates[0].quality.get("validation")
    guessed = len(scored.agreement or scored.scores) / max(scored.seconds, 1e-3) / SLOWER if scored else 1.0
    rate = float(longest.notes["samples_per_second"]) if longest else guessed
    others = [sum(map(_besides_training, c.steps)) for c in study.candidates if c.origin]
    building = max([sum(step.seconds for step in form.steps) + STARTING_S * (not longest), *others[-2:]])
    here, scoring = shares.pace(study), form.quality.get("validation")
    looking = here.seconds(2, shares.LOOK_ROUNDS) if here else 10.0
    besides = building + looking + (scoring.seconds if scoring else 0.0) + 2 * budget.opening_s
    most = max(UNLIMITED, study.task.splits["train"].samples if "train" in study.task.splits else 0)
    return Time(shares.until_closing(study, budget), besides * budget.stretch, rate / budget.stretch, most)


def _besides_training(step: StepRecord) -> float:
    """Return the seconds that a step took, without those that more samples would lengthen."""
    samples = step.notes.get("samples_trained", 0)
    return max(0.0, step.seconds - samples / step.notes["samples_per_second"]) if samples else step.seconds


def _two_digits(number: float) -> int:
    """Return a whole number with its first two digits, rounded down."""
    if number < 10:
        return int(number)
    unit = 10 ** (int(math.log10(number)) - 1)
    return int(number // unit * unit)
