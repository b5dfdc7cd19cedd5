"""Observe what was built: size, a cold start, quality, and the one joint run; each kept in the store by its address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from thimble.base.artifact import Artifact
from thimble.base.registry import METRICS, RUNTIMES
from thimble.base.step import Progress, silent
from thimble.base.study import Cold, Environment, Quality, Run, Size
from thimble.base.subject import Subject
from thimble.base.task import Arrays, Task
from thimble.base.values import digest_of
from thimble.measure.cold import cold_of
from thimble.measure.latency import Sampling, measure_latency
from thimble.measure.process import Worker
from thimble.measure.processor import available_memory_mb
from thimble.measure.quality import quality_of
from thimble.store import Store

T = TypeVar("T")

KEPT_FREE = 0.4
"""Share of the machine's memory that must be free for processes to be kept open."""


@dataclass
class Observing:
    """Measures subjects for one task in one environment. What was measured before under the same address is not again."""

    store: Store
    task: Task
    environment: Environment
    _workers: dict[str, Worker] = field(default_factory=dict)

    def size(self, folder: Path, artifact: Artifact, weigh: Callable[[Path], Size]) -> Size:
        """What must be shipped. ``weigh`` reads the folder, in a process that may load the format's library."""
        return self._once("size", (_identity(artifact),), Size, lambda: weigh(folder))

    def look(self, subject: Subject, reference: Subject | None, splits: tuple[str, ...], inputs: Arrays) -> tuple[Cold, list[Quality]]:
        """A cold start and the scores on some splits, all from one fresh process.

        Outputs are compared with those of ``reference``, which must have been looked at before; without one they
        are kept for others to be compared with.
        """
        facts = (self._conditions(subject), self.environment.comparable)
        cold = self._once("cold", facts, Cold, lambda: cold_of(self._fresh(subject), inputs))
        return cold, [self.quality(subject, split, reference) for split in splits]

    def quality(self, subject: Subject, split: str, reference: Subject | None) -> Quality:
        """Scores on one split."""
        samples = self.task.split(split)
        facts = (split, samples.fingerprint(), self.task.metric, self.task.preprocess)
        own = self._outputs(subject, facts)
        against = self._outputs(reference, facts) if reference else None
        metric = METRICS.get(self.task.metric)()

        def measure() -> Quality:
            return quality_of(self._worker(subject), samples, split, metric, against, None if reference else own)

        if reference is None and not own.exists():
            return self._keep("quality", (own.name, None), measure())
        return self._once("quality", (own.name, against.name if against else None), Quality, measure)

    def joint(self, subjects: list[Subject], inputs: Arrays, sampling: Sampling, progress: Progress = silent) -> Run:
        """One interleaved run of all subjects, the first of them the reference; in the processes that are open already."""
        facts = ([self._conditions(s) for s in subjects], [s.name for s in subjects], sampling, self.environment.comparable)
        return self._once("run", facts, Run, lambda: measure_latency(subjects, inputs, sampling, progress, self._alive()))

    def close(self) -> None:
        """End every process that was kept open."""
        while self._workers:
            self._workers.popitem()[1].close()

    def forget(self, name: str) -> None:
        """End the process of a subject that goes no further."""
        if name in self._workers:
            self._workers.pop(name).close()

    def _fresh(self, subject: Subject) -> Worker:
        """The subject's process, just started."""
        self.forget(subject.name)
        return self._worker(subject)

    def _worker(self, subject: Subject) -> Worker:
        """The subject's own process: kept open while memory lasts, since starting one takes longer than most measurements."""
        if subject.name in self._alive():
            return self._workers[subject.name]
        memory = available_memory_mb()
        if memory is not None and memory < KEPT_FREE * self.environment.memory_mb:
            self.close()
        worker = Worker(subject)
        worker.open()
        self._workers[subject.name] = worker
        return worker

    def _alive(self) -> dict[str, Worker]:
        """The open processes, without those that died or failed."""
        self._workers = {name: worker for name, worker in self._workers.items() if worker.opened is not None}
        return self._workers

    def _outputs(self, subject: Subject, facts: tuple[Any, ...]) -> Path:
        """The folder for a reference's outputs."""
        return self.store.root / "outputs" / digest_of(self._conditions(subject), facts)

    def _conditions(self, subject: Subject) -> list[Any]:
        runtime = RUNTIMES.get(subject.runtime)
        version = self.environment.versions.get(runtime.distribution)
        return [_identity(subject.artifact), subject.runtime, version, subject.threads, sorted(subject.options.items())]

    def _once(self, probe: str, facts: tuple[Any, ...], type: type[T], measure: Callable[[], T]) -> T:
        found = self.store.value(_address(probe, facts), type)
        return self._keep(probe, facts, measure()) if found is None else found

    def _keep(self, probe: str, facts: tuple[Any, ...], value: T) -> T:
        self.store.keep_value(_address(probe, facts), value)
        return value


def _address(probe: str, facts: tuple[Any, ...]) -> str:
    return f"{probe}-{digest_of(probe, facts)}"


def _identity(artifact: Artifact) -> list[Any]:
    """What an artifact is, wherever its folder lies."""
    return [artifact.format, [(file.path, file.sha256) for file in artifact.files], artifact.inputs, artifact.outputs]
