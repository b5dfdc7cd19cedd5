"""Structure is removed as far as training is foreseen to bring the quality back in the time that is left.

Each way of removing has levels. What was tried says what the others would cost and lose (`thimble.search.foresight`). The level
that promises most is trained on few samples first, then on four times as many, and at last on all that there is time for; each
training goes on from the shorter one. Many short trials and few long ones: successive halving, Jamieson and Talwalkar 2016
(arXiv:1502.07943), with a forecast of the curves in the place of fixed rungs, as in Domhan et al. 2015, "Speeding up automatic
hyperparameter optimization of deep neural networks by extrapolation of learning curves".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from thimble.core.model import TORCH
from thimble.core.recipe import Recipe, parse_recipe
from thimble.core.step import step_name
from thimble.core.study import CONFIDENCE, Candidate, Origin, Study
from thimble.core.verdict import Proof, Status
from thimble.decide.choose import choose, cost, fits, minimized, samples_more
from thimble.decide.limits import drop_so_far, limits_of
from thimble.decide.rows import only_split, row_of
from thimble.search.actions import Add, Budget
from thimble.search.foresight import LEAST, Law, Time, Trial, time_left
from thimble.search.recipes import candidate_of, free, recipe_of, trains
from thimble.stats import quantile

REMOVED, OTHER_FORM = "removed", "in another form"
"""How the search changes candidates: the words of their `Origin`; ``removed`` by a level."""
LEVELS = tuple(level / 10 for level in range(1, 9))
FIRST = 0.3
"""The level that is tried first."""
LOOK = 0.12
"""Share of the time that is left for the first training of a level."""
LONGER = 4
"""How many times as long a level is trained next, unless that is all that there is time for."""
WORTH, MORE = 0.97, 1.5
"""The share of the best cost below which a level is worth trying, and how many times as long a training has to be to be another one."""
WRONG, CHANCE = 0.4, 0.02
"""The standard deviation of a foreseen drop, as a share of it; and the least chance of a proof for which a level is tried."""
FORMS = 1.25
"""Other forms of the network are tried of what was removed, too, as far as their cost is within this of the best form's."""


@dataclass(frozen=True)
class Way:
    """A way of removing structure: the step and the title of a level."""

    name: str
    text: str
    title: str


def ways(minimize: str) -> tuple[Way, ...]:
    """Return the ways, the likelier first: at batch 1 time follows depth and size follows width.

    Where time counts, channels stay a multiple of the vector width: narrower ones gain nothing.
    """
    blocks = Way("blocks", "prune_blocks(share={:g})", "{:.0%} of blocks removed")
    rounded = ", round_to=16" if minimize == "latency" else ""
    channels = Way("channels", f"prune_channels({{:g}}{rounded})", "{:.0%} of channels removed")
    return (blocks, channels) if minimize == "latency" else (channels, blocks)


def removal(study: Study, budget: Budget) -> Add | str:
    """Return the trial to make next, or why there is none. The study has a form of the network that needs no training."""
    what = minimized([row_of(study, c) for c in study.candidates if c.ok], study.limits.minimize)
    form = form_of(study, what)
    if form is None or recipe_of(form).steps[0].consumes != TORCH:
        return "nothing is left to try"
    if (other := _other_form(study, form, what)) is not None:
        return other
    time, laws = time_left(study, form, budget), {way: _law(study, way, form, what) for way in ways(what)}
    if time.samples() < LEAST:
        return "there is no time left to train another network"
    for way, law in laws.items():
        if not law.trials and not _tried(study, way):
            return _add(study, way, FIRST, _enough(time, max(LEAST, time.samples(LOOK))), form)
    if (foreseen := _foreseen(study, laws, time, what)) is not None:
        way, level = foreseen
        before = laws[way].longest(level)
        samples = min(LONGER * before, time.samples()) if before else max(LEAST, time.samples(LOOK))
        return _add(study, way, level, _enough(time, samples), form)
    return f"nothing better is expected: no removal is forecast to be proven within the limits and be {_BETTER[what]} than the best so far"


_BETTER = {"latency": "faster", "size": "smaller", "memory": "smaller in memory"}


def form_of(study: Study, what: str) -> Candidate | None:
    """Return the best form of the whole network: made without training, and keeping the limit on the drop."""
    forms = [c for c in _forms(study) if fits(study, c.name, only="drop")] or _forms(study)
    return min(forms, key=lambda c: (_cost(study, c, what), c.name), default=None)


def _forms(study: Study) -> list[Candidate]:
    able = [c for c in study.candidates[1:] if c.ok and study.allows(c)]
    return [c for c in able if c.origin is None and not trains(c) and c.recipe != "as given"]


def _foreseen(study: Study, laws: dict[Way, Law], time: Time, what: str) -> tuple[Way, float] | None:
    """Return the level that promises most after all the time's training: what it would save, times the chance that this is proven."""
    best = min((_cost(study, c, what) for c in study.candidates[1:] if _proven(study, c)), default=math.inf)
    samples, found = time.samples(), []
    for way, law in laws.items():
        now = min(best, law.whole)
        for level in LEVELS if law.trials else ():
            mine, chance = law.cost(level), _chance(study, law, level, samples)
            possible = samples >= MORE * law.longest(level) and level not in _failed(study, way)
            if possible and mine < WORTH * now and chance >= CHANCE:
                found.append((chance * math.log(now / mine), way.name, level, way))
    if not found:
        return None
    *_, level, way = max(found, key=lambda one: one[:3])
    return way, level


def _chance(study: Study, law: Law, level: float, samples: int) -> float:
    """Return the chance that the test split proves the limit on the drop, by how far off the forecast may be and what a test may show.

    Without a limit, 1 where no loss could be proven, else 0.
    """
    slacks, most = [trial.slack for trial in law.trials if trial.slack is not None], study.limits.max_drop
    drop = law.drop(level, samples)
    if most is None:
        return float(drop <= min(slacks, default=1.0))
    slack = min(slacks, default=0.5 * most) / math.sqrt(samples_more(study))
    off = math.hypot(slack / quantile(CONFIDENCE), WRONG * drop, 1e-9)
    return NormalDist().cdf((most - slack - drop) / off)


def _enough(time: Time, samples: int) -> int:
    """Return the samples, or all that there is time for where what is left after them would be no use."""
    rest = time.after(samples)
    return samples if rest.left is None or rest.samples() >= MORE * samples else max(samples, time.samples())


def _law(study: Study, way: Way, form: Candidate, what: str) -> Law:
    trials = [
        _trial(study, c, what) for c in _tried(study, way) if c.status in (Status.OK, Status.GIVEN_UP) and c.quality.get("validation")
    ]
    most = study.limits.max_drop
    return Law(tuple(trials), _cost(study, form, what), 0.05 * most if most else 0.05)


def _trial(study: Study, candidate: Candidate, what: str) -> Trial:
    blind = only_split(study, "validation")
    row = row_of(blind, blind.candidate(candidate.name))
    drop, slack = (row.drop.value, row.drop.high - row.drop.value) if row.drop else (drop_so_far(study, candidate), None)
    assert candidate.origin is not None
    return Trial(candidate.origin.amount or 0.0, _samples(candidate), cost(row, what), drop, slack, _proven(study, candidate))


def _tried(study: Study, way: Way) -> list[Candidate]:
    """Return the candidates that a way made, whatever became of them."""
    step = way.text.partition("(")[0]
    return [c for c in study.candidates if c.origin and c.origin.changed == REMOVED and step_name(recipe_of(c).steps[0]) == step]


def _failed(study: Study, way: Way) -> set[float]:
    """Return the levels that can't be built, or not in time."""
    return {c.origin.amount or 0.0 for c in _tried(study, way) if c.origin and c.status not in (Status.OK, Status.GIVEN_UP)}


def _samples(candidate: Candidate) -> int:
    return next((getattr(step, "samples", 0) or 0 for step in recipe_of(candidate).steps if "train" in step.effects), 0)


def _cost(study: Study, candidate: Candidate, what: str) -> float:
    return cost(row_of(study, candidate), what)


def _proven(study: Study, candidate: Candidate) -> bool:
    """Return whether validation proves that a candidate keeps every limit, or without one on the drop loses nothing that it proves."""
    blind = only_split(study, "validation")
    row = row_of(blind, blind.candidate(candidate.name))
    met = set(limits_of(row, study.limits).values()) <= {Proof.MET}
    return candidate.ok and met and (study.limits.max_drop is not None or fits(study, candidate.name))


def _add(study: Study, way: Way, level: float, samples: int, form: Candidate) -> Add:
    """Return a removal, trained so long and brought into a form of the whole network, as a candidate behind that."""
    base = recipe_of(form)
    steps = parse_recipe(f"{way.text.format(level)} + finetune(samples={samples})") + base.steps
    named = f"{way.name}{level * 100:.0f}-{form.name}"
    longer = any(c.name == named for c in study.candidates)
    name = free(study, f"{named}-{_short(samples)}" if longer else named)
    title = f"{way.title.format(level)}, trained on {samples:,} samples, {base.title}"
    return Add(candidate_of(Recipe(name, steps, base.runtime, base.options, title), Origin(form.name, REMOVED, level)), form.name)


def _short(samples: int) -> str:
    return f"{samples / 1e6:g}m" if samples >= 1e6 else f"{samples / 1e3:g}k" if samples >= 1e3 else str(samples)


def _other_form(study: Study, form: Candidate, what: str) -> Add | None:
    """Return the best network so far in another form that costs hardly more than the one it has, if structure was removed from it."""
    best = study.candidate(choose(study) or study.candidates[0].name)
    if best.origin is None or best.origin.changed != REMOVED:
        return None
    mine, whole = recipe_of(best), recipe_of(form)
    removed = mine.steps[: len(mine.steps) - len(whole.steps)]
    there = {(c.recipe, c.runtime, tuple(c.options.items())) for c in study.candidates}
    for other in sorted(_forms(study), key=lambda c: (_cost(study, c, what), c.name)):
        base = recipe_of(other)
        made = Recipe(f"{best.name}-{other.name}", (*removed, *base.steps), base.runtime, base.options, f"{best.title} as {other.name}")
        costs = _cost(study, other, what) <= FORMS * _cost(study, form, what)
        if costs and fits(study, other.name, only="drop") and (made.text, made.runtime, made.options) not in there:
            return Add(candidate_of(made, Origin(best.name, OTHER_FORM)), best.name)
    return None
