"""Whole studies in milliseconds: the loop with an engine that makes figures up, and a clock that only its jobs move."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import GOOD, RECIPES, Fake, FakeClock, Made, blank, carried_out, of

from thimble.core.artifact import Artifact
from thimble.core.errors import MissingExtra, NotApplicable, OutOfTime, RuntimeFailed, StepFailed, ThimbleError
from thimble.core.job import Apply, Examine, Job, Observe, Open, Score, Start, Sustain, Time, Weigh
from thimble.core.study import Limits, Run, Study
from thimble.search.actions import Budget, Policy
from thimble.search.fit import FitPolicy
from thimble.search.lab import LabPolicy
from thimble.search.measure import MeasurePolicy
from thimble.study.folder import Unkept
from thimble.study.run import run


def test_a_lab_builds_measures_and_tests_everything() -> None:
    study, told = carried_out(LabPolicy(), engine := Fake(GOOD), blank())
    assert study.complete
    assert study.seconds == round(engine.now, 1)
    assert all(c.ok and c.size and c.cold and set(c.quality) == {"validation", "test"} for c in study.candidates)
    assert study.run(study.joint_run or "").members == tuple(RECIPES)
    kinds = [type(job) for job in engine.done]
    assert kinds.index(Time) > max(i for i, kind in enumerate(kinds) if kind is Apply), "all are built before anything is timed"
    assert max(event.done for event in told) <= 1.0
    assert [event.finished for event in told if event.finished] == ["net.py:f answers in training mode"]


def test_splits_too_small_for_the_limit_are_told_before_the_work() -> None:
    _, told = carried_out(FitPolicy(), Fake(GOOD), blank(Limits(max_drop=0.3)))
    first = next(i for i, event in enumerate(told) if "1,000 validation samples can't prove a drop of at most 0.3 points" in event.finished)
    assert not any("onnx" in event.what for event in told[:first])


def test_no_process_is_started_that_the_budget_has_no_time_to_start() -> None:
    class Slow(Fake):
        def opening_s(self) -> float:
            return 1e6

    study, _ = carried_out(FitPolicy(), engine := Slow(GOOD), blank(), seconds=600.0)
    assert [job.candidate for job in engine.done if isinstance(job, Start)] == ["baseline"]
    assert {c.reason for c in study.candidates[1:]} == {"the time budget was used up before its process could be started"}


def test_the_test_split_is_opened_after_the_choice_and_for_one_only() -> None:
    study, _ = carried_out(FitPolicy(), engine := Fake(GOOD), blank())
    assert study.complete
    assert study.chosen == "pruned"
    tests = [job for job in engine.done if isinstance(job, Score) and job.split == "test"]
    assert [job.candidate for job in tests] == ["baseline", "pruned"]
    timed = [i for i, job in enumerate(engine.done) if isinstance(job, Time)]
    assert engine.done.index(tests[0]) > timed[-1]


def test_a_choice_that_the_test_split_does_not_confirm_is_not_replaced() -> None:
    made = {**GOOD, "pruned": replace(GOOD["pruned"], wrong_on_test=30)}
    study, _ = carried_out(FitPolicy(), engine := Fake(made), blank())
    assert study.complete
    assert study.chosen == "pruned"
    assert {job.candidate for job in engine.done if isinstance(job, Score) and job.split == "test"} == {"baseline", "pruned"}


def test_what_can_not_win_is_given_up_before_it_costs_more() -> None:
    made = {**GOOD, "int8": Made(4.0, 30.0), "pruned": Made(2.0, 0.2, wrong=50)}
    study, told = carried_out(FitPolicy(), engine := Fake(made), blank(Limits(max_drop=2.0, max_size=5.0)))
    large, bad = study.candidate("int8"), study.candidate("pruned")
    assert (large.status, large.cold, large.quality) == ("given up", None, {})
    assert "30" in large.reason
    assert "5" in large.reason
    assert len(bad.quality["validation"].scores) == 128, "scored only until the drop was proven"
    assert not [job for job in engine.done if isinstance(job, Time) and job.candidate == "pruned"]
    assert {"int8", "pruned"} <= engine.cancelled
    assert any(event.finished == "given up: int8" for event in told)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StepFailed("the converter crashed"), "failed"),
        (NotApplicable("no convolution"), "not applicable"),
        (OutOfTime("would take 9 min"), "not tried"),
        (MissingExtra("openvino", "openvino"), "failed"),
    ],
)
@pytest.mark.parametrize("policy", [LabPolicy(), FitPolicy()])
def test_a_candidate_that_fails_is_recorded_and_the_study_goes_on(policy: Policy, error: ThimbleError, status: str) -> None:
    study, _ = carried_out(policy, engine := Fake({**GOOD, "int8": Made(error=error)}), blank())
    assert study.complete
    assert (study.candidate("int8").status, study.candidate("int8").reason) == (status, str(error))
    assert not of(engine, Weigh, "int8")
    assert study.candidate("onnx").ok


@pytest.mark.parametrize("kind", [Open, Apply, Weigh, Start, Score, Time])
@pytest.mark.parametrize("policy", [LabPolicy(), FitPolicy()])
def test_without_a_baseline_there_is_no_study(policy: Policy, kind: type[Job]) -> None:
    broken = Made(error=RuntimeFailed("it died"), fails_at=kind)
    engine = Fake({**GOOD, **(dict.fromkeys(RECIPES, broken) if kind is Time else {"baseline": broken})})
    with pytest.raises(RuntimeFailed, match="it died"):
        carried_out(policy, engine, blank())


def test_a_causeless_artifact_is_no_reason_to_end_a_study() -> None:
    made = {**GOOD, "int8": replace(GOOD["int8"], error=RuntimeFailed("no graph"), fails_at=Examine)}
    study, _ = carried_out(FitPolicy(), Fake(made), blank())
    assert study.complete
    assert study.candidate("int8").ok
    assert study.candidate("int8").probes["graph"] == {"not available": "no graph"}


@pytest.mark.parametrize("seconds", [40.0, 60.0, 90.0, 120.0, 300.0, 3000.0])
def test_a_budget_is_kept_and_the_closing_is_never_given_up_for_one_more_candidate(seconds: float) -> None:
    study, _ = carried_out(FitPolicy(), engine := Fake(GOOD), blank(), seconds)
    assert study.complete
    assert engine.now <= 1.05 * seconds
    assert study.chosen
    assert "test" in study.candidate(study.chosen).quality
    late = [c for c in study.candidates if "time budget" in c.reason]
    assert bool(late) == (seconds < 90)


def test_large_splits_are_shortened_for_all_alike_and_it_is_said() -> None:
    study, _ = carried_out(FitPolicy(), engine := Fake(GOOD, per_sample=0.05), blank(), 200.0)
    samples = {name: info.samples for name, info in study.task.splits.items()}
    assert samples["validation"] == 256, "12 % of 200 s, a third of that for the first look, at 20 samples a second"
    assert samples["test"] < 2000
    for candidate in study.candidates:
        for split, quality in candidate.quality.items():
            assert quality.fingerprint == study.task.splits[split].fingerprint
            assert len(quality.scores) == samples[split]
    assert sum("to stay within the time budget" in note for note in study.task.notes) >= 2
    assert any(note.endswith("with a larger --budget goes on and scores more") for note in study.task.notes)
    assert any("256 can't prove a drop below 1.48 points, all " in note for note in study.task.notes)
    assert engine.now <= 1.05 * 200


def test_an_interruption_passes_through_with_what_is_known_kept() -> None:
    class Kept(Unkept):
        last: Study | None = None

        def save(self, study: Study) -> None:
            self.last = study

    kept, engine = Kept(), Fake(GOOD, interrupt_at=9)
    with pytest.raises(KeyboardInterrupt):
        run(blank(), FitPolicy(), engine, kept, FakeClock(engine), lambda event: None)  # type: ignore[arg-type]
    assert kept.last
    assert not kept.last.complete
    assert kept.last.candidates[0].quality


def test_measuring_is_the_same_loop() -> None:
    there = [replace(c, status="ok", artifact=Artifact("onnx", "m", (), (), ()), folder="x") for c in blank().candidates[:3]]
    study, _ = carried_out(
        MeasurePolicy(sustained=1.0, probes=("graph",)), engine := Fake(GOOD), blank(candidates=tuple(there), opened=True)
    )
    assert study.complete
    assert [len(of(engine, kind, "onnx")) for kind in (Weigh, Start, Score, Observe, Sustain)] == [1] * 5
    assert len(study.runs) == 1 + 3
    assert study.run(study.joint_run or "").members == ("baseline", "onnx", "int8")


def test_a_member_that_dies_in_a_run_goes_no_further() -> None:
    class Dying(Fake):
        def timed(self, names: list[str]) -> Run:
            from thimble.core.study import Advice

            return replace(super().timed(names), warnings=(Advice("member-failed", "fp16: it died", "fp16"),) if "fp16" in names else ())

    study, _ = carried_out(LabPolicy(), Dying(GOOD), blank())
    assert (study.candidate("fp16").status, study.candidate("fp16").reason) == ("failed", "fp16: it died")
    assert "test" not in study.candidate("fp16").quality
    assert study.complete


def test_a_policy_that_asks_for_nothing_is_a_bug() -> None:
    class Idle:
        def propose(self, study: Study, budget: Budget) -> tuple[()]:
            return ()

    with pytest.raises(AssertionError, match="asks for nothing"):
        carried_out(Idle(), Fake({}), blank())


def test_starting_counts_in_the_budget() -> None:
    _, _ = carried_out(FitPolicy(), engine := Fake(GOOD), blank(), seconds=600.0)
    starts = [job for job in engine.done if isinstance(job, Start)]
    assert starts
    assert all(job.seconds is not None and 0 < job.seconds < 600 for job in starts)
