"""A search over structure with an engine whose networks follow a law: what is removed costs quality, and training brings it back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from made_up import COSTS, Fake, Made, blank, carried_out

from thimble.core.errors import NotApplicable, OutOfTime
from thimble.core.job import Apply, Built, Job, Outcome, Result, Score, Time
from thimble.core.model import TORCH
from thimble.core.recipe import parse_recipe
from thimble.core.registry import METRICS
from thimble.core.step import step_name, step_text
from thimble.core.study import Candidate, Limits, Round, Run, SplitInfo, StepRecord, Study
from thimble.decide.choose import closing_told
from thimble.decide.summarize import summarize
from thimble.search import budget as shares
from thimble.search.actions import Budget
from thimble.search.fit import FitPolicy
from thimble.search.removal import REMOVED
from thimble.stats import drop_interval
from thimble.study.plan import going_on

PER_SECOND, STARTING = 400.0, 5.0
INT8 = "to_onnx() + onnx_quantize_static()"
FORMS = (("baseline", "", "pytorch"), ("onnx", "to_onnx()", "onnxruntime"), ("int8", INT8, "onnxruntime"))


@dataclass
class Lawful(Fake):
    """Networks lose ``blocks`` or ``channels`` points at a level of 1 after 1,000 samples, and a power of the samples brings them back.

    Blocks make a network faster in proportion, channels half as much; sizes are the other way round. ``lacks`` can't be applied, and
    ``late`` takes longer than there is time. Trainings go on from shorter ones.
    """

    made: dict[str, Made] = field(default_factory=lambda: {"onnx": Made(8.0), "int8": Made(4.0, 0.3), "baseline": Made(10.0)})
    blocks: float = 40.0
    channels: float = 80.0
    power: float = 0.6
    lacks: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    trained: dict[str, int] = field(default_factory=dict)
    per_sample: float = 0.001

    def result(self, job: Job, made: Made) -> Result:
        if isinstance(job, Apply) and job.steps and step_name(job.steps[0]).startswith("prune"):
            return self.removed(job)
        made_up = super().result(job, made)
        return replace(made_up, steps=(building(),)) if isinstance(made_up, Built) else made_up

    def wait(self, tell) -> Outcome:
        job = self.jobs[0]
        step = step_name(job.steps[0]) if isinstance(job, Apply) and job.steps else ""
        if step in (*self.lacks, *self.late):
            self.jobs.popleft()
            self.now += COSTS[Apply]
            self.done.append(job)
            return Outcome(job, error=NotApplicable("it has none") if step in self.lacks else OutOfTime("would take 9 min"))
        return super().wait(tell)

    def removed(self, job: Apply) -> Built:
        first, tuned = job.steps[0], job.steps[1]
        level = getattr(first, "share", None) or getattr(first, "ratio", 0.0)
        deep = step_name(first) == "prune_blocks"
        lost = (self.blocks if deep else self.channels) * level**2 * (1000 / tuned.samples) ** self.power
        time, size = (level, level / 2) if deep else (level / 2, level)
        self.made[job.candidate] = Made(4.0 * (1 - time), 0.3 * (1 - size), wrong=round(min(lost, 90)))
        trail = step_text(first)
        new = tuned.samples - int(0.6 * self.trained.get(trail, 0))
        self.trained[trail] = max(tuned.samples, self.trained.get(trail, 0))
        seconds = new / PER_SECOND
        self.now += seconds + STARTING
        notes = {"samples_seen": tuned.samples, "samples_trained": new, "samples_per_second": PER_SECOND}
        record = StepRecord("finetune", step_text(tuned), {}, 1, seconds + STARTING, False, TORCH, "k", notes)
        built = super().result(replace(job, steps=()), self.made[job.candidate])
        return replace(built, steps=(record, building()))


@dataclass
class Spoiled(Lawful):
    """Other programs spoil the first closing runs: what members take differs from round to round by more than what they are."""

    spoiled: int = 0
    closings: int = 0

    def timed(self, names: list[str]) -> Run:
        found = super().timed(names)
        if len(names) < 3:
            return found
        self.closings += 1
        rounds = tuple(replace(turn, samples_ms=self.wild(turn, i)) for i, turn in enumerate(found.rounds))
        return replace(found, rounds=rounds) if self.closings <= self.spoiled else found

    def wild(self, turn: Round, i: int) -> dict[str, tuple[float, ...]]:
        return {name: (ms[0] * (1 if name == turn.order[0] else 8 ** (i % 3)),) for name, ms in turn.samples_ms.items()}


def building() -> StepRecord:
    return StepRecord("to_onnx", "to_onnx()", {}, 1, COSTS[Apply], False, "onnx", "k")


def asked(limits: Limits | None = None, samples: int = 50_000, **fields: Any) -> Study:
    study = blank(limits or Limits(max_drop=2.0), **fields)
    splits = {**study.task.splits, "train": SplitInfo(samples, "t")}
    candidates = tuple(Candidate(name, text or "as given", runtime) for name, text, runtime in FORMS)
    return replace(study, candidates=candidates, task=replace(study.task, splits=splits))


def trials(study: Study) -> list[Candidate]:
    return [c for c in study.candidates if c.origin and c.origin.changed == REMOVED]


def levels(study: Study) -> dict[str, list[tuple[float, int]]]:
    """By the step that removes: levels with the samples they were trained on, in the order of trying."""
    found: dict[str, list[tuple[float, int]]] = {}
    for candidate in sorted(trials(study), key=lambda c: c.name):
        first, tuned = parse_recipe(candidate.recipe)[:2]
        assert candidate.origin
        found.setdefault(step_name(first), []).append((candidate.origin.amount or 0.0, tuned.samples))
    return found


@pytest.mark.parametrize("seconds", [300.0, 600.0, 1200.0])
def test_the_time_is_used_and_not_more_than_that(seconds: float) -> None:
    study, _ = carried_out(FitPolicy(), engine := Lawful(), asked(), seconds)
    assert study.complete
    reports = 15.0  # what is kept free for them, and for a slower closing: here they take no time
    assert 0.9 * seconds <= engine.now + reports
    assert engine.now <= 1.05 * seconds
    assert study.chosen not in (None, "baseline", "onnx", "int8")
    assert engine.made[study.chosen].wrong <= 2


def test_progress_is_the_share_of_the_budget_however_many_candidates_are_added() -> None:
    _, told = carried_out(FitPolicy(), engine := Lawful(), asked(), 600.0)
    shares = [event.done for event in told]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(engine.now / 600, abs=0.05)
    assert sum(share == 1.0 for share in shares) <= 5


@pytest.mark.parametrize("seconds", [40.0, 60.0, 90.0, 120.0, 3600.0])
def test_no_trial_is_begun_that_there_is_no_time_to_look_at(seconds: float) -> None:
    study, _ = carried_out(FitPolicy(), engine := Lawful(), asked(), seconds)
    assert study.complete
    assert engine.now <= 1.05 * seconds
    assert engine.now + 15 >= 0.9 * seconds or "nothing better is expected" in study.ended or "no time left" in study.ended
    assert not [c for c in trials(study) if "before its latency was measured" in c.reason]


def test_more_time_gives_a_faster_network_that_keeps_the_limit() -> None:
    taken = {}
    for seconds in (60.0, 300.0, 1200.0, 7200.0):
        study, _ = carried_out(FitPolicy(), engine := Lawful(), asked(), seconds)
        taken[seconds] = engine.made[study.chosen or ""].ms
    assert taken[60.0] > taken[300.0] > taken[1200.0] >= taken[7200.0]


def test_depth_is_tried_first_for_time_and_width_for_size() -> None:
    for minimize, first, best in (("latency", "prune_blocks", "blocks"), ("size", "prune_channels", "channels")):
        study, _ = carried_out(FitPolicy(), engine := Lawful(channels=40.0), asked(Limits(max_drop=2.0, minimize=minimize)), 900.0)
        built = [job.steps[0] for job in engine.done if isinstance(job, Apply) and len(job.steps) > 2]
        assert step_name(built[0]) == first
        assert study.chosen
        assert study.chosen.startswith(best)


def test_each_level_begins_short_and_goes_on_longer() -> None:
    study, _ = carried_out(FitPolicy(), Lawful(), asked(), 1200.0)
    for tried in levels(study).values():
        for level in {level for level, _ in tried}:
            samples = sorted(n for other, n in tried if other == level)
            assert all(later >= 1.5 * earlier for earlier, later in pairwise(samples))
    longest = max(n for tried in levels(study).values() for _, n in tried)
    shortest = min(n for tried in levels(study).values() for _, n in tried)
    assert longest > 4 * shortest


def test_what_can_not_be_removed_is_tried_once_and_the_other_way_goes_on() -> None:
    study, _ = carried_out(FitPolicy(), engine := Lawful(lacks=("prune_blocks",)), asked(), 600.0)
    dead = [c for c in trials(study) if c.status == "not applicable"]
    assert len(dead) == 1
    assert study.chosen
    assert study.chosen.startswith("channels")
    none, _ = carried_out(FitPolicy(), engine := Lawful(lacks=("prune_blocks", "prune_channels")), asked(), 600.0)
    assert none.complete
    assert none.chosen == "int8"
    assert "nothing better is expected" in none.ended
    assert engine.now < 600


def test_training_that_is_late_after_all_ends_the_trying() -> None:
    study, _ = carried_out(FitPolicy(), engine := Lawful(late=("prune_blocks", "prune_channels")), asked(), 300.0)
    assert study.complete
    assert study.chosen == "int8"
    assert len(trials(study)) == 2
    assert engine.now <= 1.05 * 300


def test_a_network_that_loses_too_much_whatever_is_done_is_given_up() -> None:
    study, _ = carried_out(FitPolicy(), engine := Lawful(blocks=1e6, channels=1e6, power=0.0), asked(), 900.0)
    assert study.chosen == "int8"
    assert engine.now <= 1.05 * 900
    unlimited, _ = carried_out(FitPolicy(), Lawful(blocks=1e6, channels=1e6, power=0.0), asked())
    assert unlimited.chosen == "int8"
    assert "no removal is forecast to be proven within the limits" in unlimited.ended
    assert len(trials(unlimited)) <= 6


def test_without_a_budget_the_search_ends_too() -> None:
    study, _ = carried_out(FitPolicy(), Lawful(), asked())
    assert study.complete
    assert len(trials(study)) <= 20
    assert study.chosen not in (None, "int8")
    assert "nothing better is expected" in study.ended


def test_what_was_removed_is_tried_in_every_form_that_costs_hardly_more() -> None:
    study = asked()
    more = (Candidate("int8-other", "to_onnx() + onnx_quantize_static('uint8', weights='uint8')", "openvino"), *study.candidates[1:])
    study = replace(study, candidates=(study.candidates[0], *more))
    made = {"onnx": Made(8.0), "int8": Made(4.0, 0.3), "baseline": Made(10.0), "int8-other": Made(4.4, 0.3)}
    study, _ = carried_out(FitPolicy(), Lawful(made=made), study, 900.0)
    others = [c for c in study.candidates if c.origin and c.origin.changed == "in another form"]
    assert others
    assert all(c.runtime == "openvino" and c.recipe.startswith("prune_") for c in others)
    assert not any(c.recipe.endswith("to_onnx()") for c in others), "FP32 costs twice as much"


def test_the_same_study_and_time_give_the_same_search() -> None:
    first, second = (carried_out(FitPolicy(), Lawful(), asked(), 600.0)[0] for _ in range(2))
    assert [c.recipe for c in first.candidates] == [c.recipe for c in second.candidates]


def test_a_second_start_has_the_same_candidates_and_tries_no_more() -> None:
    first, _ = carried_out(FitPolicy(), Lawful(), asked(settings={"budget_s": 600.0}), 600.0)
    again = going_on(asked(settings={"budget_s": 600.0}), first)
    assert [c.name for c in again.candidates] == [c.name for c in first.candidates]
    second, _ = carried_out(FitPolicy(), engine := Lawful(), again, 600.0)
    assert [(c.name, c.recipe, c.status) for c in second.candidates] == [(c.name, c.recipe, c.status) for c in first.candidates]
    assert second.chosen == first.chosen
    assert second.ended == first.ended
    assert engine.now <= 660, "it had to do all the work again"


def test_a_start_with_more_time_and_one_after_an_interruption_go_on() -> None:
    first, _ = carried_out(FitPolicy(), Lawful(), asked(settings={"budget_s": 300.0}), 300.0)
    longer, _ = carried_out(FitPolicy(), Lawful(), going_on(asked(settings={"budget_s": 1200.0}), first), 1200.0)
    assert {c.recipe for c in trials(first)} < {c.recipe for c in trials(longer)}
    cut = replace(first, complete=False, ended="", candidates=first.candidates[:4])
    rest, _ = carried_out(FitPolicy(), Lawful(), going_on(asked(settings={"budget_s": 300.0}), cut), 300.0)
    assert {c.recipe for c in trials(cut)} <= {c.recipe for c in trials(rest)}
    assert rest.complete
    late = replace(
        first, candidates=(*first.candidates, replace(trials(first)[0], name="late", status="not tried", reason="would take 9 min"))
    )
    assert going_on(asked(settings={"budget_s": 300.0}), late).candidate("late").reason
    assert not [c for c in going_on(asked(settings={"budget_s": 900.0}), late).candidates if c.name == "late"]


@pytest.mark.parametrize(("spoiled", "runs"), [(0, 1), (1, 2), (9, 3)])
@pytest.mark.parametrize("seconds", [90.0, 600.0, None])
def test_a_closing_run_that_others_spoiled_is_made_again(spoiled: int, runs: int, seconds: float | None) -> None:
    engine = Spoiled(spoiled=spoiled)
    study, _ = carried_out(FitPolicy(), engine, asked(), seconds)
    assert study.complete
    assert engine.closings == runs
    assert len({job.sampling.seed for job in engine.done if isinstance(job, Time) and job.joint}) == runs, "none is found in the store"
    assert closing_told(study) == (spoiled < runs)
    assert study.chosen not in (None, "baseline", "onnx"), "where every closing run was spoiled, the first looks decide"


def test_the_test_split_plays_no_part() -> None:
    carried_out(FitPolicy(), engine := Lawful(), asked(), 600.0)
    tested = [i for i, job in enumerate(engine.done) if isinstance(job, Score) and job.split == "test"]
    built = [i for i, job in enumerate(engine.done) if isinstance(job, Apply)]
    assert min(tested) > max(built)


def two_prospects(on_test: int, safe_on_test: int = 0) -> tuple[Study, Fake]:
    """A fast candidate whose drop likely keeps the limit, which 1,000 samples don't prove, and a slower one that loses nothing."""
    made = {"baseline": Made(10.0), "onnx": Made(8.0), "fast": Made(2.0, 0.3, wrong=1, wrong_on_test=on_test)}
    made["safe"] = Made(4.0, 0.3, wrong_on_test=safe_on_test)
    forms = (*FORMS[:2], ("safe", INT8, "onnxruntime"), ("fast", "to_onnx() + onnx_quantize_static('uint8')", "onnxruntime"))
    study = blank(Limits(max_drop=1.7))
    candidates = tuple(Candidate(name, text or "as given", runtime) for name, text, runtime in forms)
    study, _ = carried_out(FitPolicy(), engine := Fake(made), replace(study, candidates=candidates))
    return study, engine


def opened(engine: Fake) -> list[str]:
    return [job.candidate for job in engine.done if isinstance(job, Score) and job.split == "test"]


def test_what_is_faster_and_likely_is_tested_first_and_shipped_where_the_test_split_proves_it() -> None:
    study, engine = two_prospects(on_test=1)
    assert study.tested == ("fast", "safe")
    assert (study.chosen, opened(engine)) == ("fast", ["baseline", "fast"])
    summary = summarize(study)
    assert summary.met
    assert "safe stood by; the two intervals on the test split hold together with 95 %" in summary.recommendation
    alone = drop_interval(*(study.candidate(name).quality["test"].scores for name in ("baseline", "fast")), METRICS.get("accuracy")())
    drop = summary.row("fast").drop
    assert drop
    assert drop.high > alone.high, "its interval is wider than that of one candidate alone"


def test_where_the_test_split_does_not_prove_it_the_proven_one_is_shipped() -> None:
    study, engine = two_prospects(on_test=2)
    assert (study.chosen, opened(engine)) == ("safe", ["baseline", "fast", "safe"])
    summary = summarize(study)
    assert summary.met
    assert "fast was tested first, since it costs less, and is not confirmed" in summary.recommendation
    assert "which does not prove the limit of 1.7 points" in summary.row("fast").verdict
    neither, _ = two_prospects(on_test=2, safe_on_test=2)
    assert neither.chosen == "safe"
    assert not summarize(neither).met, "no third one is tried"


def test_the_test_split_is_scored_as_far_as_there_is_time() -> None:
    study, _ = carried_out(FitPolicy(), engine := Lawful(per_sample=0.005), asked(), 600.0)
    assert study.tested
    assert [len(study.candidate(name).quality["test"].scores) for name in ("baseline", study.tested[0])] == [2000, 2000]
    assert len([job for job in engine.done if isinstance(job, Score) and job.split == "test"]) == 2, "nothing is scored twice"
    taken = sum(study.candidate(name).quality["validation"].seconds for name in ("baseline", *study.tested)) * 2000 / 1000
    assert shares.testable(study, Budget(600.0, shares.REPORTS_S + taken / 2)) == pytest.approx(shares.TESTED * 1000, abs=1)
    assert shares.testable(study, Budget(600.0, 1.0)) == shares.FEWEST
    assert shares.testable(study, Budget()) == 2000
