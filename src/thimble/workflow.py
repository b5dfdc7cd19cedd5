"""The order of the work: source, candidates, measurements, choice, test, reports; failures recorded, nothing done twice.

The study is written after every candidate and every measurement, so that whatever ends the work, what is known is
on disk; a second start takes finished work from the store.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from thimble.base.artifact import describe, write_manifest
from thimble.base.errors import MissingExtra, RuntimeFailed, ThimbleError
from thimble.base.recipe import Recipe
from thimble.base.registry import METRICS, REPORTS
from thimble.base.step import Step
from thimble.base.study import Candidate, Limits, Study, TaskInfo, write_study
from thimble.base.subject import Subject
from thimble.base.summary import Summary
from thimble.base.task import ModelSpec, TaskSpec, one_sample
from thimble.building import Building, Built, Failed, Source
from thimble.catalog.models import fingerprint
from thimble.catalog.tasks import open_task, split_info
from thimble.measure.environment import environment
from thimble.measure.latency import Sampling
from thimble.observing import Observing
from thimble.recommend.choose import choose
from thimble.recommend.summarize import summarize
from thimble.steps_process import StepsProcess
from thimble.store import Store, writing

VERSION = "0.1.0"

DISTRIBUTIONS = ("torch", "torchvision", "onnx", "onnxruntime", "torch-pruning", "numpy")
"""Packages whose versions every study states."""


@dataclass(frozen=True)
class Event:
    """What the work tells while it goes on: the share done of the whole (0 to 1), and what is running.

    ``finished`` is a line worth keeping on the screen.
    """

    done: float
    what: str
    finished: str = ""


Listen = Callable[[Event], None]


@dataclass(frozen=True)
class Plan:
    """A study before it is carried out. ``prefix`` are the steps that train the source where its weights aren't given.

    ``test_all`` scores every candidate on the test split, once the choice is made, for a study whose table is its
    purpose; else only the baseline and the chosen one are.
    """

    name: str
    model: ModelSpec
    task: TaskSpec
    recipes: tuple[Recipe, ...]
    prefix: tuple[Step, ...] = ()
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    threads: int = 1
    sampling: Sampling = field(default_factory=Sampling)
    test_all: bool = True
    settings: dict[str, Any] = field(default_factory=dict)


def carry_out(plan: Plan, folder: Path, listen: Listen = lambda event: None, store: Store | None = None) -> Study:
    """Do the plan's work and leave ``study.json``, the artifacts and the reports in ``folder``; gives the study.

    A candidate that fails is recorded with its reason. Raises what makes the whole impossible: data or a model that
    can't be used, a baseline that can't be built, a folder that can't be written. `KeyboardInterrupt` passes through
    after the study and its reports are written.
    """
    with StepsProcess() as process:
        work = _Work(plan, folder, listen, store or Store(), process)
        try:
            work.run()
        finally:
            work.leave()
    return work.study


class _Work:
    """One study while it is carried out."""

    def __init__(self, plan: Plan, folder: Path, listen: Listen, store: Store, process: StepsProcess) -> None:
        self.plan, self.folder, self.listen = plan, folder, listen
        self.begun, self.costs_done = time.monotonic(), 0.0
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "artifacts").mkdir(exist_ok=True)
        self.task = open_task(plan.task)
        conditions = environment(DISTRIBUTIONS)
        self.study = self._empty(conditions)
        source = Source(plan.model, plan.task, fingerprint(plan.model), self._facts(), plan.prefix, plan.seed, plan.threads)
        self.building = Building(store, process, source)
        self.observing = Observing(store, self.task, conditions)
        self.inputs = one_sample(self.task)
        self.built: dict[str, Built] = {}
        self.total = sum(_cost(recipe, plan.prefix) for recipe in plan.recipes)

    def run(self) -> None:
        """Everything in its order."""
        for recipe in self.plan.recipes:
            self._build(recipe)
            self._save()
        for recipe in self.plan.recipes:
            self._observe(recipe.name)
            self._save()
        self._joint_run()
        self.study = replace(self.study, chosen=choose(self.study))
        self._save()
        self._test()
        self.study = replace(self.study, complete=True)

    def leave(self) -> Summary | None:
        """Write what is known: the study and its reports."""
        self.study = replace(self.study, seconds=round(time.monotonic() - self.begun, 1))
        if not any(candidate.status != "not tried" for candidate in self.study.candidates):
            return None
        self._save()
        return write_reports(self.study, self.folder)

    def _empty(self, conditions: Any) -> Study:
        plan, task, metric = self.plan, self.task, METRICS.get(self.task.metric)
        info = TaskInfo(
            spec=plan.task.spec,
            name=task.name,
            metric=task.metric,
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            labels=task.labels,
            splits=split_info(task),
            preprocess=task.preprocess,
            notes=task.notes,
            binary=metric.binary,
        )
        blank = tuple(Candidate(r.name, r.text, r.runtime, r.title, dict(r.options)) for r in plan.recipes)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Study(
            plan.name,
            plan.model.spec,
            info,
            conditions,
            plan.threads,
            plan.seed,
            plan.limits,
            blank,
            settings=plan.settings,
            started=now,
            thimble=VERSION,
        )

    def _facts(self) -> dict[str, str]:
        """Addresses of the data that steps may see. The test split is not among them."""
        how = repr(self.task.preprocess)
        return {name: f"{info.fingerprint} {how}" for name, info in self.study.task.splits.items() if name != "test"}

    def _build(self, recipe: Recipe) -> None:
        share = 0.6 * _cost(recipe, self.plan.prefix) / self.total
        self._tell(recipe.name, "building")
        try:
            built = self.building.build(recipe, lambda done, words: self._tell(recipe.name, words, share * done))
            self._place(recipe.name, built)
        except Failed as error:
            if recipe is self.plan.recipes[0]:
                raise
            status = "failed" if error.applies else "not applicable"
            self._change(recipe.name, status=status, reason=str(error), steps=error.steps)
            self._tell(recipe.name, "", finished=f"{recipe.name}: {status}: {error}")
        self.costs_done += share

    def _place(self, name: str, built: Built) -> None:
        """Copy the artifact out of the store, so that its folder can be taken away and still runs."""
        folder = self.folder / "artifacts" / name
        aside = folder.with_name(f".{name}")
        with writing(folder):
            for old in (aside, folder):
                shutil.rmtree(old, ignore_errors=True)
            shutil.copytree(built.model.folder, aside)
            artifact = describe(replace(built.model, payload=aside), self.task.preprocess, self.task.labels)
            write_manifest(artifact, aside)
            aside.rename(folder)
        size = self.observing.size(folder, artifact, self.building.weigh)
        last = next((step for step in reversed(built.steps) if step.macs is not None), None)
        if size.macs is None and last:
            size = replace(size, macs=last.macs)
        if size.parameters is None and last:
            size = replace(size, parameters=last.parameters)
        self.built[name] = built
        self._change(name, artifact=artifact, folder=f"artifacts/{name}", size=size, steps=built.steps, status="ok")

    def _observe(self, name: str) -> None:
        """A cold start and the scores. Where all are to be tested, the same process answers the test split as well;
        those scores are put away until the choice is made.
        """
        if name in self.built:
            self._tell(name, "starting it, scoring it")
            splits = ("validation", "test") if self.plan.test_all else ("validation",)
            try:
                cold, (quality, *_) = self.observing.look(self._subject(name), self._reference(name), splits, self.inputs)
                self._change(name, cold=cold, quality={"validation": quality})
            except (RuntimeFailed, MissingExtra) as error:
                self._fail(name, error)
        self.costs_done += 0.3 / len(self.plan.recipes)

    def _joint_run(self) -> None:
        subjects = [self._subject(c.name) for c in self.study.candidates if c.ok]
        share = 0.1

        def progress(done: float, words: str) -> None:
            self._tell("latency", words or "measuring all together", share * done)

        run = self.observing.joint(subjects, self.inputs, self.plan.sampling, progress)
        self.study = replace(self.study, runs=(run,), joint_run=run.id)
        for advice in run.warnings:
            if advice.code == "member-failed" and advice.member:
                self._fail(advice.member, RuntimeFailed(advice.text))
        self.costs_done += share

    def _test(self) -> None:
        """The final figures; the choice is made, and nothing here changes it."""
        ready = [c.name for c in self.study.candidates if c.ok]
        wanted = ready if self.plan.test_all else [n for n in ready if n in (ready[0], self.study.chosen)]
        for name in wanted:
            self._tell(name, "scoring it on the test split")
            try:
                quality = self.observing.quality(self._subject(name), "test", self._reference(name))
                self._change(name, quality={**self.study.candidate(name).quality, "test": quality})
            except RuntimeFailed as error:
                self._fail(name, error)

    def _subject(self, name: str) -> Subject:
        candidate = self.study.candidate(name)
        assert candidate.artifact is not None
        folder = self.folder / "artifacts" / name
        return Subject(name, folder, candidate.artifact, candidate.runtime, self.plan.threads, candidate.options)

    def _reference(self, name: str) -> Subject | None:
        first = self.study.candidates[0].name
        return None if name == first else self._subject(first)

    def _fail(self, name: str, error: ThimbleError) -> None:
        if name == self.study.candidates[0].name:
            raise error
        self._change(name, status="failed", reason=str(error))
        self._tell(name, "", finished=f"{name}: failed: {error}")

    def _change(self, name: str, **fields: Any) -> None:
        changed = tuple(replace(c, **fields) if c.name == name else c for c in self.study.candidates)
        self.study = replace(self.study, candidates=changed)

    def _tell(self, name: str, words: str, extra: float = 0.0, finished: str = "") -> None:
        self.listen(Event(min(1.0, self.costs_done + extra), f"{name}: {words}" if words else name, finished))

    def _save(self) -> None:
        write_study(self.study, self.folder)


def write_reports(study: Study, folder: Path) -> Summary:
    """Every registered report of the study, into ``folder``; gives the figures they show."""
    summary = summarize(study)
    for report in REPORTS.all().values():
        if hasattr(report, "write"):
            report().write(study, summary, folder)
    return summary


PER_EPOCH = {"train": 11.0, "finetune": 8.0, "distill": 10.0}
"""Rough seconds an epoch of the lab takes: they weigh the progress bar, and nothing else."""


def _cost(recipe: Recipe, prefix: tuple[Step, ...]) -> float:
    steps = (*(prefix if recipe.name == "baseline" else ()), *recipe.steps)
    return 4.0 + sum(PER_EPOCH.get(type(step).__name__.lower(), 0.0) * getattr(step, "epochs", 0) + 3.0 for step in steps)
