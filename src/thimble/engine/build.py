"""Build what recipes ask for: every step once, by its address in the store, exporters inserted where formats differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from thimble.core.artifact import Artifact
from thimble.core.errors import MissingExtra, NotApplicable, StepFailed, ThimbleError
from thimble.core.model import Model
from thimble.core.recipe import Recipe, exports
from thimble.core.registry import REGISTRIES, STEPS
from thimble.core.step import Progress, Step, silent, step_fields, step_name, step_text
from thimble.core.study import Size, StepRecord
from thimble.core.task import SPLITS, ModelSpec
from thimble.engine import keys
from thimble.engine.keys import Source
from thimble.engine.process import StepsProcess
from thimble.engine.requests import Request
from thimble.engine.store import Store


@dataclass(frozen=True)
class Built:
    """A recipe carried out: its result's address, format and tensors, and the record of each step."""

    key: str
    model: Model
    steps: tuple[StepRecord, ...] = ()

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that its steps have learned from."""
        return tuple(split for split in SPLITS if any(split in STEPS.get(step.name).uses for step in self.steps))


class Failed(StepFailed):
    """A recipe that could not be carried out to its end, by ``cause``; ``steps`` are those that were."""

    def __init__(self, cause: ThimbleError, steps: tuple[StepRecord, ...]) -> None:
        super().__init__(str(cause))
        self.cause, self.steps = cause, steps


@dataclass(frozen=True)
class Builder:
    """Carries out recipes for one source. Nothing is done twice: a common prefix comes from the store."""

    store: Store
    process: StepsProcess
    source: Source

    @property
    def teacher_key(self) -> str:
        """The address of the FP32 source model, with its prefix."""
        return keys.teacher_key(self.source)

    def open_untrained(self, progress: Progress = silent, deadline: float | None = None) -> Built:
        """The model as given, before the prefix trains it. Raises what opening raises."""
        key = keys.source_key(self.source)
        if not self.store.has(key):
            self.store.keep_value(f"{key}-told", self.process.ask(self._request(key), progress, deadline))
        return Built(key, self.store.describe(key))

    def open_student(self, spec: str, classes: int | None, deadline: float | None = None) -> None:
        """Open a network that is to learn, so that one that can't be is refused before anything long. Raises what opening raises."""
        model = replace(self.source.model, spec=spec, weights=None, classes=classes or self.source.model.classes)
        key = keys.student_key(self.source, spec, model.classes)
        self.process.ask(replace(self._request(key), model=model), deadline=deadline)

    def told(self, key: str) -> dict[str, Any]:
        """What was counted when a result was made: ``parameters`` and ``macs`` of a network in memory, ``seconds``."""
        return self.store.value(f"{key}-told", dict) or {}

    def open_source(self, progress: Progress = silent, deadline: float | None = None) -> Built:
        """The source model, trained where the study has to. Raises what opening or training raises."""
        built = self.open_untrained(progress, deadline)
        for step in self.source.prefix:
            built = self._apply(built, step, progress, deadline)
        return built

    def build(self, recipe: Recipe, progress: Progress = silent, deadline: float | None = None) -> Built:
        """The recipe's artifact in a format that its runtime opens. Raises `Failed` with the reason."""
        built = self.open_source(progress, deadline)
        try:
            for step in recipe.steps:
                if step.consumes != built.model.format:
                    built = self._export(built, (step.consumes,), step_name(step), progress, deadline)
                built = self._apply(built, step, progress, deadline)
            formats = REGISTRIES["runtimes"].get(recipe.runtime).formats
            if built.model.format not in formats:
                built = self._export(built, formats, recipe.runtime, progress, deadline)
        except (StepFailed, MissingExtra) as error:
            raise Failed(error, built.steps) from error
        return built

    def _apply(self, built: Built, step: Step, progress: Progress, deadline: float | None) -> Built:
        facts = (self.source, built.key, step, self.teacher_key if "teacher" in step.uses else "")
        key = keys.step_key(*facts)
        cached = self.store.has(key)
        told = self.told(key)
        if not cached:
            words = step_text(step)
            asked = replace(self._request(key), step=step_name(step), settings=step_fields(step), parent=built.key)
            request = replace(asked, teacher=self.teacher_key, trail=keys.trail_key(*facts))
            told = self.process.ask(request, lambda done, text: progress(done, f"{words}: {text}" if text else words), deadline)
            self.store.keep_value(f"{key}-told", told)
        model = self.store.describe(key)
        record = StepRecord(
            name=step_name(step),
            text=step_text(step),
            settings={name: list(value) if isinstance(value, tuple) else value for name, value in step_fields(step).items()},
            version=step.version,
            seconds=round(told.get("seconds", 0.0), 2),
            cached=cached,
            format=model.format,
            key=key,
            notes={name: note for name, note in model.notes.items() if built.model.notes.get(name) != note},
            parameters=told.get("parameters"),
            macs=told.get("macs"),
        )
        return Built(key, model, (*built.steps, record))

    def _export(self, built: Built, formats: tuple[str, ...], wanted_by: str, progress: Progress, deadline: float | None) -> Built:
        """Insert the exporter between two formats; where several fit, the first that applies."""
        reasons = []
        for wanted in formats:
            for name, cls in STEPS.all().items():
                if not exports(cls, built.model.format, wanted):
                    continue
                try:
                    return self._apply(built, cls(), progress, deadline)
                except NotApplicable as error:
                    reasons.append(f"{name}: {error}")
        if reasons:
            raise NotApplicable("; ".join(reasons))
        raise NotApplicable(f"{wanted_by} takes {' or '.join(formats)}, but gets {built.model.format}; no exporter converts it")

    def _request(self, key: str) -> Request:
        source = self.source
        return Request(
            str(self.store.root), key, source.model, source.task, seed=source.seed, threads=source.threads, features=source.features
        )


def weigh(process: StepsProcess, folder: Path, artifact: Artifact) -> Size:
    """The size of an artifact in its folder, read in the steps' process: a format's library may be large, and may crash."""
    told = process.ask(Request("", "", ModelSpec(""), None, weigh=str(folder.resolve()), artifact=artifact))
    return msgspec.convert(told["size"], Size)
