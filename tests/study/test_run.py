"""Whole studies in milliseconds: the loop with an engine that makes figures up, and a clock that only its jobs move."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from thimble.core.artifact import Artifact
from thimble.core.errors import MissingExtra, NotApplicable, OutOfTime, RuntimeFailed, StepFailed, ThimbleError
from thimble.core.job import (
    Apply,
    Built,
    Engine,
    Examine,
    Job,
    Observe,
    Observed,
    Open,
    Opened,
    Outcome,
    Result,
    Score,
    Start,
    Sustain,
    Time,
    Weigh,
)
from thimble.core.study import Candidate, Cold, Environment, Limits, Quality, Round, Run, Size, SplitInfo, Study, TaskInfo
from thimble.core.task import beginning_fingerprint
from thimble.core.values import File
from thimble.measure.watch import enough
from thimble.search.actions import Budget, Policy
from thimble.search.fit import FitPolicy
from thimble.search.lab import LabPolicy
from thimble.search.measure import MeasurePolicy
from thimble.study.folder import Unkept
from thimble.study.run import run
from thimble.study.telling import Event

HERE = Environment("m", "p", (), 2, 8000, "Linux", "3.11", "none")
SPLITS = {"validation": 1000, "test": 2000}
COSTS = {Open: 2.0, Apply: 5.0, Weigh: 0.1, Start: 1.0, Time: 3.0, Observe: 1.0, Sustain: 5.0, Examine: 4.0}
"""Seconds that jobs take in these tests; scoring takes some for each sample."""


@dataclass(frozen=True)
class Made:
    """What a candidate will turn out to be."""

    ms: float = 10.0
    mb: float = 1.0
    wrong: int = 0
    wrong_on_test: int | None = None
    error: ThimbleError | None = None
    fails_at: type[Job] = Apply


@dataclass
class Fake:
    """An engine whose jobs take a known time and give known figures."""

    made: dict[str, Made]
    per_sample: float = 0.002
    now: float = 0.0
    done: list[Job] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)
    jobs: deque[Job] = field(default_factory=deque)
    interrupt_at: int | None = None

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def wait(self, tell: Callable[[Job], Any]) -> Outcome:
        job = self.jobs.popleft()
        if self.interrupt_at == len(self.done):
            raise KeyboardInterrupt
        tell(job)(0.5, "")
        self.done.append(job)
        self.now += COSTS.get(type(job), 0.0)
        made = self.made.get(job.candidate, Made())
        if made.error is not None and isinstance(job, made.fails_at):
            return Outcome(job, error=made.error)
        return Outcome(job, self.result(job, made))

    def result(self, job: Job, made: Made) -> Result:
        if isinstance(job, Open):
            return Opened(("net.py:f answers in training mode",))
        if isinstance(job, Apply):
            return Built(Path(job.candidate), Artifact("onnx", "m.onnx", (File("m.onnx", "0", 10),), (), ()))
        if isinstance(job, Weigh):
            return Size(int(made.mb * 1e6), 10)
        if isinstance(job, Start):
            return Cold(1.0, made.ms, 10.0, 12.0)
        if isinstance(job, Score):
            return self.quality(job, made)
        if isinstance(job, Time | Sustain):
            subjects = job.subjects if isinstance(job, Time) else (job.subject,)
            return self.timed([subject.name for subject in subjects])
        return Observed({"graph": {"not available": "made up"}})

    def quality(self, job: Score, made: Made) -> Quality:
        whole, scores = SPLITS[job.split], []
        wrong = made.wrong if job.split != "test" or made.wrong_on_test is None else made.wrong_on_test
        for i in range(job.samples or whole):
            scores.append(float(i % 100 >= wrong))
            so_far = Quality(job.split, job.split, "accuracy", tuple(scores), seconds=self.per_sample * len(scores))
            if job.stop and len(scores) in (128, 256, 512) and enough(job.stop, so_far):
                break
        self.now += so_far.seconds
        part = job.samples is not None and job.samples < whole
        return replace(so_far, fingerprint=beginning_fingerprint(job.split, job.samples or 0) if part else job.split)

    def timed(self, names: list[str]) -> Run:
        taken = {name: self.made.get(name, Made()).ms for name in names}
        slices = [{name: (ms * (1 + 0.001 * (i % 3)),) for name, ms in taken.items()} for i in range(8)]
        rounds = tuple(Round(tuple(names), samples, 0.1 * i) for i, samples in enumerate(slices))
        return Run(f"run{len(self.done)}", tuple(names), names[0], 0, 1, 1, rounds, HERE)

    def running(self) -> int:
        return len(self.jobs)

    def cancel(self, candidate: str) -> None:
        self.cancelled.add(candidate)

    def known(self, job: Job) -> bool:
        return False

    def opening_s(self) -> float:
        return 1.0

    def close(self) -> None:
        pass


@dataclass
class FakeClock:
    """A clock that shows the engine's time."""

    engine: Fake
    seconds: float | None = None

    def spent(self) -> float:
        return self.engine.now

    def budget(self, engine: Engine) -> Budget:
        left = None if self.seconds is None else self.seconds - self.engine.now
        return Budget(self.seconds, left, engine.running(), 1.0, engine.opening_s(), engine.known)


RECIPES = {
    "baseline": "",
    "onnx": "to_onnx()",
    "int8": "to_onnx() + onnx_quantize_static()",
    "fp16": "to_onnx() + onnx_store_fp16()",
    "pruned": "prune_channels(0.5) + finetune(2) + to_onnx() + onnx_quantize_static()",
}


def blank(limits: Limits | None = None, **fields: Any) -> Study:
    splits = {name: SplitInfo(samples, name) for name, samples in SPLITS.items()}
    task = TaskInfo("digits", "digits", "accuracy", "%", True, (), splits)
    candidates = tuple(Candidate(name, text, "onnxruntime") for name, text in RECIPES.items())
    made = Study("fit", "net.py:f", task, HERE, 1, 0, limits or Limits(max_drop=2.0), candidates)
    return replace(made, **fields)


def carried_out(policy: Policy, engine: Fake, study: Study, seconds: float | None = None) -> tuple[Study, list[Event]]:
    told: list[Event] = []
    return run(study, policy, engine, Unkept(), FakeClock(engine, seconds), told.append), told  # type: ignore[arg-type]


GOOD = {"onnx": Made(8.0), "int8": Made(4.0, 0.3), "fp16": Made(9.0, 0.5), "pruned": Made(2.0, 0.2, wrong=1)}


def of(engine: Fake, kind: type[Job], name: str) -> list[Job]:
    return [job for job in engine.done if isinstance(job, kind) and job.candidate == name]


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
    assert (large.status, large.cold, large.quality) == ("dropped", None, {})
    assert "30" in large.reason
    assert "5" in large.reason
    assert len(bad.quality["validation"].scores) == 128, "scored only until the drop was proven"
    assert not [job for job in engine.done if isinstance(job, Time) and job.candidate == "pruned"]
    assert {"int8", "pruned"} <= engine.cancelled
    assert any(event.finished.startswith("int8: dropped: ") for event in told)


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
    assert sum("the time budget allows no more" in note for note in study.task.notes) >= 2
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
