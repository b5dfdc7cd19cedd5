"""Whole studies in milliseconds: an engine that makes figures up, and a clock that only its jobs move."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from thimble.core.artifact import Artifact
from thimble.core.errors import ThimbleError
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
            run = self.timed([subject.name for subject in subjects])
            return replace(run, seed=job.sampling.seed) if isinstance(job, Time) else run
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

    def room(self) -> int:
        return 0 if self.jobs else 1

    def doing(self) -> frozenset[str]:
        return frozenset(job.candidate for job in self.jobs)

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
        return Budget(self.seconds, left, engine.running(), 1.0, engine.opening_s(), engine.known, engine.doing())


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
