"""Several jobs at once: the same study as with one after the other, in less time, and nothing decided that is not known yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from made_up import GOOD, RECIPES, Fake, Made, blank, carried_out

from thimble.core.job import Apply, Examine, Job, Observe, Open, Outcome, Score, Start, Sustain, Time
from thimble.core.study import Limits, Study
from thimble.search.actions import Policy
from thimble.search.fit import FitPolicy
from thimble.search.lab import LabPolicy

MEASURING = (Start, Time, Sustain, Observe, Examine)


@dataclass
class Several(Fake):
    """As many jobs at once as there are ``nodes``; measuring is done by one of them at a time."""

    nodes: int = 3
    free_at: float = 0.0
    under_way: list[tuple[float, Outcome]] = field(default_factory=list)
    most: int = 0
    beside: list[tuple[Job, frozenset[str]]] = field(default_factory=list)

    def submit(self, job: Job) -> None:
        assert job.candidate not in self.doing(), "one job of a candidate at a time"
        self.beside.append((job, self.doing()))
        now = self.now
        super().submit(job)
        outcome = super().wait(lambda job: lambda done, words: None)
        taken, self.now = self.now - now, now
        begin = max(now, self.free_at) if isinstance(job, MEASURING) else now
        if isinstance(job, MEASURING):
            self.free_at = begin + taken
        self.under_way.append((begin + taken, outcome))
        self.most = max(self.most, len(self.under_way))

    def wait(self, tell: Callable[[Job], Any]) -> Outcome:
        first = min(self.under_way, key=lambda one: one[0])
        self.under_way.remove(first)
        self.now = max(self.now, first[0])
        return first[1]

    def running(self) -> int:
        return len(self.under_way)

    def room(self) -> int:
        return self.nodes - len(self.under_way)

    def doing(self) -> frozenset[str]:
        return frozenset(outcome.job.candidate for _, outcome in self.under_way)


def facts(study: Study) -> dict[str, Any]:
    """What a study says, whenever its jobs were done."""
    return {
        c.name: (c.status, c.reason, c.size, c.quality and {name: one.scores for name, one in c.quality.items()}) for c in study.candidates
    }


def asked(engine: Fake) -> list[str]:
    return sorted(repr(replace(job, share=0.0)) for job in engine.done)


@pytest.mark.parametrize("policy", [LabPolicy(), FitPolicy()])
@pytest.mark.parametrize("nodes", [1, 2, 3, 16])
def test_it_is_the_same_study_in_less_time(policy: Policy, nodes: int) -> None:
    alone, _ = carried_out(policy, one := Fake(GOOD), blank())
    study, _ = carried_out(policy, many := Several(GOOD, nodes=nodes), blank())
    assert study.complete
    assert (facts(study), study.chosen) == (facts(alone), alone.chosen)
    assert asked(many) == asked(one)
    assert many.most <= nodes
    assert many.now < one.now if nodes > 1 else many.now == one.now


@pytest.mark.parametrize("policy", [LabPolicy(), FitPolicy()])
def test_nothing_runs_beside_what_it_depends_on(policy: Policy) -> None:
    carried_out(policy, engine := Several(GOOD, nodes=9), blank())
    for job, beside in engine.beside:
        first = job.candidate == "baseline" and (isinstance(job, Open | Apply) or isinstance(policy, FitPolicy))
        if first or (isinstance(job, Time) and job.joint) or (isinstance(job, Score) and job.split == "test"):
            assert beside == frozenset(), "the baseline, the closing run and the test split wait until everything else is known"
        assert "baseline" not in beside


def test_layers_are_kept_in_float_only_when_plain_int8_is_known_to_lose_too_much() -> None:
    made = {**GOOD, "int8": Made(4.0, 0.3, wrong=9)}
    alone, _ = carried_out(FitPolicy(), Fake(made), blank(Limits(max_drop=2.0)))
    study, _ = carried_out(FitPolicy(), engine := Several(made, nodes=9), blank(Limits(max_drop=2.0)))
    assert [c.name for c in study.candidates] == [c.name for c in alone.candidates]
    assert any(c.name not in RECIPES for c in study.candidates), "the search adds some"
    for job, beside in engine.beside:
        if job.candidate not in RECIPES and isinstance(job, Apply):
            assert not beside & {"onnx", "int8", "fp16"}


def test_what_happened_to_the_work_is_told() -> None:
    class Losing(Fake):
        def wait(self, tell: Callable[[Job], Any]) -> Outcome:
            outcome = super().wait(tell)
            return replace(outcome, notes=("node b was lost",)) if isinstance(outcome.job, Apply) else outcome

    _, told = carried_out(LabPolicy(), Losing(GOOD), blank())
    assert [event.finished for event in told].count("node b was lost") == len(RECIPES)
