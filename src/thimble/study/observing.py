"""Observe what was built: size, a cold start, quality, and the one joint run; each kept in the store by its address."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from thimble.core.artifact import Artifact
from thimble.core.registry import METRICS, RUNTIMES
from thimble.core.sampling import Sampling
from thimble.core.step import Progress, silent
from thimble.core.study import Cold, Environment, Quality, Run, Size
from thimble.core.subject import Subject
from thimble.core.task import Arrays, Batch, Split, Task
from thimble.core.values import digest_of
from thimble.devices import start
from thimble.devices.process import Worker
from thimble.devices.processor import available_memory_mb
from thimble.engine.store import Store
from thimble.measure.cold import cold_of
from thimble.measure.latency import measure_latency
from thimble.measure.quality import Scoring, scoring

T = TypeVar("T")

FIRST_LOOK = 128
"""Samples after which scores are looked at for the first time; then after twice as many, and so on."""

KEPT_FREE = 0.4
"""Share of the machine's memory that must be free for processes to be kept open."""


@dataclass
class Watch:
    """Looks at scores while they come in, after 128 samples, 256, 512, ...: ``enough`` says whether to stop there.

    ``question`` is what else the answer depends on, a part of its address in the store. ``each`` is called after every
    batch, with the number of samples so far; it may raise, and nothing is kept then.
    """

    enough: Callable[[Quality], bool] = lambda quality: False
    question: Any = None
    each: Callable[[int], None] = lambda seen: None
    _next: int = FIRST_LOOK

    def __call__(self, so_far: Scoring) -> bool:
        """Whether what is known so far is enough."""
        self.each(so_far.seen)
        if so_far.seen < self._next:
            return False
        while self._next <= so_far.seen:
            self._next *= 2
        return self.enough(so_far.quality())


class Beginning:
    """The first samples of a split, as a split."""

    def __init__(self, whole: Split, samples: int) -> None:
        self._whole, self._samples = whole, samples

    def __len__(self) -> int:
        return self._samples

    def batches(self, size: int) -> Iterator[Batch]:
        """The first samples, ``size`` at a time."""
        left = self._samples
        for batch in self._whole.batches(size):
            short = len(batch) > left
            targets = batch.targets if batch.targets is None or not short else batch.targets[:left]
            yield Batch({k: v[:left] for k, v in batch.inputs.items()}, targets) if short else batch
            left -= len(batch)
            if left <= 0:
                return

    def fingerprint(self) -> str:
        """A digest of the whole's and of how many samples there are."""
        return digest_of(self._whole.fingerprint(), self._samples)

    def sample_ids(self) -> tuple[str, ...]:
        """The first samples' digests."""
        return self._whole.sample_ids()[: self._samples]


@dataclass
class Observing:
    """Measures subjects for one task in one environment. What was measured before under the same address is not again."""

    store: Store
    task: Task
    environment: Environment
    _workers: dict[str, Worker] = field(default_factory=dict)
    _opened_s: list[float] = field(default_factory=list)
    _short: dict[str, Split] = field(default_factory=dict)

    def size(self, folder: Path, artifact: Artifact, weigh: Callable[[Path], Size]) -> Size:
        """What must be shipped. ``weigh`` reads the folder, in a process that may load the format's library."""
        return self._once("size", (_identity(artifact),), Size, lambda: weigh(folder))

    def cold(self, subject: Subject, inputs: Arrays) -> Cold:
        """A cold start; its process stays open for the scores."""
        facts = (self._conditions(subject), self.environment.comparable)
        return self._once("cold", facts, Cold, lambda: cold_of(self._fresh(subject), inputs))

    def quality(self, subject: Subject, split: str, reference: Subject | None, watch: Watch | None = None) -> Quality:
        """Scores on one split, or on the first part of it where ``watch`` says that this is enough.

        Outputs are compared with those of ``reference``, which must have been scored before; without one they are kept
        for others to be compared with.
        """
        samples = self.split(split)
        facts = (split, samples.fingerprint(), self.task.metric, self.task.preprocess)
        own = self._outputs(subject, facts)
        against = self._outputs(reference, facts) if reference else None
        address = (own.name, against.name if against else None)
        found = self.store.value(_address("quality", address), Quality)
        if found is not None and (reference or own.exists()):
            return found
        if watch and watch.question and (found := self.store.value(_address("part", (*address, watch.question)), Quality)):
            return found
        metric = METRICS.get(self.task.metric)()
        for so_far in scoring(self._worker(subject), samples, split, metric, against, None if reference else own):
            if watch and so_far.seen < len(samples) and watch(so_far):
                return self._keep("part", (*address, watch.question), so_far.quality())
        return self._keep("quality", address, so_far.quality())

    def split(self, name: str) -> Split:
        """The task's split, or its beginning where `shorten` said that there is no time for more."""
        return self._short.get(name) or self.task.split(name)

    def shorten(self, name: str, samples: int) -> Split:
        """Score the first samples of a split only, for every candidate alike."""
        self._short[name] = Beginning(self.task.split(name), samples)
        return self._short[name]

    def look(self, subjects: list[Subject], inputs: Arrays, sampling: Sampling, progress: Progress = silent) -> Run:
        """One interleaved run of some subjects, the first of them the reference; in the processes that are open already."""
        run = partial(measure_latency, subjects, inputs, sampling, progress, self._alive())
        return self._once("run", self._run_facts(subjects, sampling), Run, run)

    def joint(self, subjects: list[Subject], inputs: Arrays, sampling: Sampling, progress: Progress = silent) -> Run:
        """The same in fresh processes that are opened together, under equal conditions: nothing that one did before sets it apart."""

        def run() -> Run:
            self.close()
            return measure_latency(subjects, inputs, sampling, progress)

        return self._once("run", self._run_facts(subjects, sampling), Run, run)

    def joined(self, subjects: list[Subject], sampling: Sampling) -> bool:
        """Whether `joint` would find that run in the store."""
        return self.store.value(_address("run", self._run_facts(subjects, sampling)), Run) is not None

    def _run_facts(self, subjects: list[Subject], sampling: Sampling) -> tuple[Any, ...]:
        return [self._conditions(s) for s in subjects], [s.name for s in subjects], sampling, self.environment.comparable

    @property
    def opening_s(self) -> float:
        """About what starting a process and opening an artifact in it takes, by those that were; 0 before the first."""
        return median(self._opened_s) if self._opened_s else 0.0

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
        worker, began = start(subject), time.monotonic()
        worker.open()
        self._opened_s.append(time.monotonic() - began)
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
