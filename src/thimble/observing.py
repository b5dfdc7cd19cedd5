"""Observe what was built: size, a cold start, quality, and the one joint run; each kept in the store by its address."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
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
from thimble.measure.quality import quality_of
from thimble.store import Store

T = TypeVar("T")


@dataclass
class Observing:
    """Measures subjects for one task in one environment. What was measured before under the same address is not again."""

    store: Store
    task: Task
    environment: Environment

    def size(self, folder: Path, artifact: Artifact, weigh: Callable[[Path], Size]) -> Size:
        """What must be shipped. ``weigh`` reads the folder, in a process that may load the format's library."""
        return self._once("size", (_identity(artifact),), Size, lambda: weigh(folder))

    def look(self, subject: Subject, reference: Subject | None, splits: tuple[str, ...], inputs: Arrays) -> tuple[Cold, list[Quality]]:
        """A cold start and the scores on some splits, all from one fresh process.

        Outputs are compared with those of ``reference``, which must have been looked at before; without one they
        are kept for others to be compared with.
        """
        with ExitStack() as stack:
            opened: list[Worker] = []

            def worker() -> Worker:
                if not opened:
                    opened.append(stack.enter_context(Worker(subject)))
                return opened[0]

            facts = (self._conditions(subject), self.environment.comparable)
            cold = self._once("cold", facts, Cold, lambda: cold_of(worker(), inputs))
            return cold, [self._quality(subject, split, reference, worker) for split in splits]

    def quality(self, subject: Subject, split: str, reference: Subject | None) -> Quality:
        """Scores on one split, in a process of its own."""
        with ExitStack() as stack:
            return self._quality(subject, split, reference, lambda: stack.enter_context(Worker(subject)))

    def _quality(self, subject: Subject, split: str, reference: Subject | None, worker: Callable[[], Worker]) -> Quality:
        samples = self.task.split(split)
        facts = (split, samples.fingerprint(), self.task.metric, self.task.preprocess)
        own = self._outputs(subject, facts)
        against = self._outputs(reference, facts) if reference else None
        metric = METRICS.get(self.task.metric)()

        def measure() -> Quality:
            return quality_of(worker(), samples, split, metric, against, None if reference else own)

        return self._once("quality", (own.name, against.name if against else None), Quality, measure)

    def joint(self, subjects: list[Subject], inputs: Arrays, sampling: Sampling, progress: Progress = silent) -> Run:
        """One interleaved run of all subjects, the first of them the reference."""
        facts = ([self._conditions(s) for s in subjects], [s.name for s in subjects], sampling, self.environment.comparable)
        return self._once("run", facts, Run, lambda: measure_latency(subjects, inputs, sampling, progress))

    def _outputs(self, subject: Subject, facts: tuple[Any, ...]) -> Path:
        """The folder for a reference's outputs."""
        return self.store.root / "outputs" / digest_of(self._conditions(subject), facts)

    def _conditions(self, subject: Subject) -> list[Any]:
        runtime = RUNTIMES.get(subject.runtime)
        version = self.environment.versions.get(runtime.distribution)
        return [_identity(subject.artifact), subject.runtime, version, subject.threads, sorted(subject.options.items())]

    def _once(self, probe: str, facts: tuple[Any, ...], type: type[T], measure: Any) -> T:
        key = f"{probe}-{digest_of(probe, facts)}"
        found = self.store.value(key, type)
        if found is None:
            found = measure()
            self.store.keep_value(key, found)
        return found


def _identity(artifact: Artifact) -> list[Any]:
    """What an artifact is, wherever its folder lies."""
    return [artifact.format, [(file.path, file.sha256) for file in artifact.files], artifact.inputs, artifact.outputs]
