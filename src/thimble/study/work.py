"""One study while it is carried out: what can be done with a candidate, and what is known so far.

The order in which these things are done is `thimble.study.workflow`'s.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from thimble.core.artifact import write_manifest
from thimble.core.distribution import version
from thimble.core.errors import MissingExtra, OutOfTime, RuntimeFailed, ThimbleError
from thimble.core.recipe import Recipe
from thimble.core.sampling import Sampling
from thimble.core.seen import digests_of, read_seen, write_seen
from thimble.core.study import Candidate, Environment, SplitInfo, Study, write_study
from thimble.core.subject import Subject
from thimble.core.task import one_sample
from thimble.data import NEEDED, check_task, judged, open_task, task_info
from thimble.devices import environment_of
from thimble.engine.build import Building, Built, Failed
from thimble.engine.forecast import Forecast
from thimble.engine.keys import Source
from thimble.engine.process import StepsProcess
from thimble.engine.store import Store, writing
from thimble.formats import describe
from thimble.measure.quality import check_not_learned
from thimble.models import check_single, fingerprint, head_of, remarks
from thimble.study.observing import Observing, Watch
from thimble.study.plan import Event, Listen, Plan
from thimble.study.resuming import behind, earlier, timeless

__all__ = ["Event", "Listen", "Plan", "Work"]

DISTRIBUTIONS = ("torch", "torchvision", "onnx", "onnxruntime", "torch-pruning", "numpy", "openvino", "nncf")
"""Packages whose versions every study states, where they are installed."""


class Work:
    """A plan's study, its folder, and the means to build, observe, measure and test its candidates."""

    def __init__(self, plan: Plan, folder: Path, listen: Listen, store: Store, process: StepsProcess) -> None:
        self.plan, self.folder, self.listen = plan, folder, listen
        self.begun, self.at, self.span = time.monotonic(), 0.0, 0.0
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "artifacts").mkdir(exist_ok=True)
        self.before = earlier(folder)
        self.task = open_task(plan.task)
        conditions = environment_of(DISTRIBUTIONS)
        self.study = self._empty(conditions)
        facts = self._facts()
        source = Source(plan.model, plan.task, fingerprint(plan.model), facts, conditions.features, plan.prefix, plan.seed, plan.threads)
        self.building = Building(store, process, source)
        self.observing = Observing(store, self.task, conditions)
        self.inputs = one_sample(self.task)

    @property
    def first(self) -> str:
        """The baseline's name."""
        return self.study.candidates[0].name

    @property
    def ready(self) -> list[str]:
        """Names of the candidates that have an artifact and did not fail."""
        return [candidate.name for candidate in self.study.candidates if candidate.ok]

    @contextmanager
    def part(self, share: float) -> Iterator[None]:
        """A piece of work that is ``share`` of the whole, for the progress that is told."""
        self.span = share
        yield
        self.at, self.span = self.at + share, 0.0

    def tell(self, name: str, words: str, done: float = 0.0) -> None:
        """Say what is going on, and how much of the present part is done."""
        self.listen(Event(min(1.0, self.at + self.span * done), f"{name}: {words}"))

    def open(self, deadline: float | None = None) -> None:
        """Open the model as given, and refuse data that don't fit it, before anything long begins."""
        self.tell(self.first, "opening the model")
        opened = self.building.open_untrained(deadline=deadline)
        check_single(opened.model.inputs, self.plan.model.spec)
        outputs = opened.model.notes.get("output_shapes", {})
        self.task = self.observing.task = judged(self.task, outputs, opened.model.notes.get("endings", {}))
        self.study = replace(self.study, task=replace(task_info(self.plan.task.spec, self.task), splits=self.study.task.splits))
        check_task(self.task, head_of(outputs), outputs, NEEDED)
        self._remark(remarks(opened.model.notes))
        check_not_learned(self.task, "test", self.plan.model.spec)
        if student := self.plan.settings.get("student"):
            self.building.open_student(student, len(self.task.labels) or None, deadline)

    def _remark(self, said: Iterable[str]) -> None:
        """Say what a user must hear of the model, and keep it with the study's other notes."""
        lines = tuple(f"{self.plan.model.spec} {one}" for one in said)
        for line in lines:
            self.listen(Event(self.at, self.first, line))
        self.study = replace(self.study, task=replace(self.study.task, notes=(*self.study.task.notes, *lines)))

    def build(self, recipe: Recipe, deadline: float | None = None) -> bool:
        """Build the candidate and weigh it; says whether it is there. A baseline that can't be built is raised.

        Raises nothing for one that runs out of time: what it has done is kept, and goes on at the next start.
        """
        self.tell(recipe.name, "building")
        forecast = Forecast(deadline)

        def progress(done: float, words: str) -> None:
            self.tell(recipe.name, words, done)
            forecast(done, words)

        try:
            self._place(recipe.name, self.building.build(recipe, progress, deadline))
        except Failed as error:
            if recipe.name == self.first:
                raise
            self.change(recipe.name, steps=error.steps)
            self.drop(recipe.name, error.status, str(error))
        self.save()
        return recipe.name in self.ready

    def add(self, recipe: Recipe, after: str) -> None:
        """One more candidate, which stands behind another one; where it is there already, nothing happens."""
        found = list(self.study.candidates)
        if all(candidate.name != recipe.name for candidate in found):
            place = 1 + next(i for i, candidate in enumerate(found) if candidate.name == after)
            self.study = replace(self.study, candidates=(*found[:place], _blank(recipe), *found[place:]))

    def observe(self, name: str, splits: tuple[str, ...] = ("validation",), watch: Watch | None = None) -> None:
        """A cold start, and scores on the first of ``splits``, as far as ``watch`` wants them.

        The same process answers the others as well; their scores are put away for `test`, and are no part of the
        study until then.
        """
        self.tell(name, "starting it, scoring it")
        try:
            self.change(name, cold=self.observing.cold(self.subject(name), self.inputs))
            qualities = [self.observing.quality(self.subject(name), split, self.reference(name), watch) for split in splits]
            self.change(name, quality={splits[0]: qualities[0]})
        except (RuntimeFailed, MissingExtra, OutOfTime) as error:
            self._failed(name, error)
        self.save()

    def scored(self, name: str, split: str, watch: Watch | None) -> int:
        """Score a split, as far as ``watch`` wants it, and say how many samples that were; the scores are put away for `test`."""
        self.tell(name, f"scoring it on the {split} split")
        quality = self.observing.quality(self.subject(name), split, self.reference(name), watch)
        return max(len(quality.scores), len(quality.agreement))

    def shorten(self, split: str, samples: int) -> None:
        """Score only the first samples of a split, all candidates alike, and say so in the study."""
        whole, info = self.study.task.splits[split], self.study.task
        part = self.observing.shorten(split, samples)
        note = f"scored are the first {samples:,} of {whole.samples:,} {split} samples: the time budget allows no more"
        splits = {**info.splits, split: SplitInfo(samples, part.fingerprint())}
        self.study = replace(self.study, task=replace(info, splits=splits, notes=(*info.notes, note)))

    def measured(self, names: Sequence[str], sampling: Sampling) -> bool:
        """Whether the store has this run already."""
        return self.observing.joined([self.subject(name) for name in names], sampling)

    def measure(self, names: Sequence[str], sampling: Sampling, joint: bool) -> None:
        """One interleaved run of some candidates, the baseline first; ``joint`` says that its ratios are reported."""

        def progress(done: float, words: str) -> None:
            self.tell("latency", words or "measuring all together", done)

        take = self.observing.joint if joint else self.observing.look
        run = take([self.subject(name) for name in names], self.inputs, sampling, progress)
        others = tuple(old for old in self.study.runs if old.id != run.id)
        self.study = replace(self.study, runs=(*others, run), joint_run=run.id if joint else self.study.joint_run)
        for advice in run.warnings:
            if advice.code == "member-failed" and advice.member:
                self._failed(advice.member, RuntimeFailed(advice.text))
        self.save()

    def test(self, names: Sequence[str]) -> None:
        """The final figures; the choice is made, and nothing here changes it."""
        for name in names:
            self.tell(name, "scoring it on the test split")
            try:
                quality = self.observing.quality(self.subject(name), "test", self.reference(name))
                self.change(name, quality={**self.study.candidate(name).quality, "test": quality})
            except RuntimeFailed as error:
                self._failed(name, error)
        self.save()

    def subject(self, name: str) -> Subject:
        """The candidate's artifact, as it is measured."""
        candidate = self.study.candidate(name)
        assert candidate.artifact is not None
        folder = self.folder / "artifacts" / name
        return Subject(name, folder, candidate.artifact, candidate.runtime, self.plan.threads, candidate.options)

    def reference(self, name: str) -> Subject | None:
        """The baseline's artifact, for every other candidate."""
        return None if name == self.first else self.subject(self.first)

    def change(self, name: str, **fields: Any) -> None:
        """Put fields of a candidate."""
        changed = tuple(replace(c, **fields) if c.name == name else c for c in self.study.candidates)
        self.study = replace(self.study, candidates=changed)

    def drop(self, name: str, status: str, reason: str) -> None:
        """A candidate that goes no further, with its reason."""
        self.observing.forget(name)
        self.change(name, status=status, reason=reason)
        self.listen(Event(self.at, name, f"{name}: {status}: {reason}"))

    def finish(self) -> bool:
        """Write the study for the last time; says whether anything is new.

        Where all of it came from the store and says what the folder's study says, that one stays, with the time
        that the work really took.
        """
        if self.before is not None and behind(self.study, self.before):
            return False
        new = self.before is None or timeless(self.before) != timeless(self.study)
        if self.before is not None and not new:
            self.study = self.before
            write_study(self.study, self.folder)
        else:
            self.save()
        return new

    def save(self) -> None:
        """Write what is known; while a new start only catches up with an earlier one, that one's stays."""
        self.study = replace(self.study, seconds=round(time.monotonic() - self.begun, 1))
        if self.before is None or not behind(self.study, self.before):
            write_study(self.study, self.folder)

    def choose(self, name: str | None) -> None:
        """What would be shipped as far as is known; the link ``best`` in the folder leads to its artifact."""
        self.study = replace(self.study, chosen=name)
        if name is not None and (self.before is None or not behind(self.study, self.before)):
            link, aside = self.folder / "best", self.folder / f".best.{os.getpid()}"
            with contextlib.suppress(OSError):  # a file system without links still has the study
                aside.unlink(missing_ok=True)
                aside.symlink_to(Path("artifacts") / name, target_is_directory=True)
                aside.replace(link)

    def _failed(self, name: str, error: ThimbleError) -> None:
        if name == self.first:
            raise error
        self.drop(name, "not tried" if isinstance(error, OutOfTime) else "failed", str(error))

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
            own = digests_of(self.task, {*built.splits, "validation"})  # by validation one is chosen
            write_seen(own | read_seen(self.plan.model.spec), aside)
            aside.rename(folder)
        size = self.observing.size(folder, artifact, self.building.weigh)
        counted = next((step for step in reversed(built.steps) if step.macs is not None), None)
        if counted:
            size = replace(size, macs=size.macs or counted.macs, parameters=size.parameters or counted.parameters)
        found = built.model.notes.get("sensitivity_db", {})
        self.change(name, artifact=artifact, folder=f"artifacts/{name}", size=size, steps=built.steps, status="ok", sensitivity_db=found)

    def _facts(self) -> dict[str, str]:
        """Addresses of the data that steps may see. The test split is not among them."""
        how = repr(self.task.preprocess)
        return {name: f"{info.fingerprint} {how}" for name, info in self.study.task.splits.items() if name != "test"}

    def _empty(self, conditions: Environment) -> Study:
        plan = self.plan
        return Study(
            name=plan.name,
            model=plan.model.spec,
            task=task_info(plan.task.spec, self.task),
            environment=conditions,
            threads=plan.threads,
            seed=plan.seed,
            limits=plan.limits,
            candidates=tuple(map(_blank, plan.recipes)),
            settings=plan.settings,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            thimble=version(),
        )


def _blank(recipe: Recipe) -> Candidate:
    return Candidate(recipe.name, recipe.text, recipe.runtime, recipe.title, dict(recipe.options))
