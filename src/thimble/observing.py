"""Observe what was built: size, a cold start, quality, and the one joint run; each kept in the store by its address."""

from __future__ import annotations

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
from thimble.measure.cold import measure_cold
from thimble.measure.latency import Sampling, measure_latency
from thimble.measure.quality import measure_quality
from thimble.measure.size import measure_size
from thimble.store import Store

T = TypeVar("T")


@dataclass
class Observing:
    """Measures subjects for one task in one environment. What was measured before under the same address is not again."""

    store: Store
    task: Task
    environment: Environment

    def size(self, folder: Path, artifact: Artifact) -> Size:
        """What must be shipped."""
        return self._once("size", (_identity(artifact),), Size, lambda: measure_size(folder, artifact))

    def cold(self, subject: Subject, inputs: Arrays) -> Cold:
        """Load, first inference and memory in a fresh process."""
        return self._once("cold", (self._conditions(subject), self.environment.comparable), Cold, lambda: measure_cold(subject, inputs))

    def quality(self, subject: Subject, split: str, reference: Subject | None, progress: Progress = silent) -> Quality:
        """Scores on a split; against the reference's outputs, which are kept beside, where there is one."""
        samples = self.task.split(split)
        facts = (split, samples.fingerprint(), self.task.metric, self.task.preprocess)
        own = digest_of("outputs", self._conditions(subject), facts)
        against = digest_of("outputs", self._conditions(reference), facts) if reference else None
        metric = METRICS.get(self.task.metric)()

        def measure() -> Quality:
            kept = self._outputs(against) if against else None
            return measure_quality(subject, samples, split, metric, kept, None if reference else self._outputs(own), progress)

        return self._once("quality", (own, against), Quality, measure)

    def joint(self, subjects: list[Subject], inputs: Arrays, sampling: Sampling, progress: Progress = silent) -> Run:
        """One interleaved run of all subjects, the first of them the reference."""
        facts = ([self._conditions(s) for s in subjects], [s.name for s in subjects], sampling, self.environment.comparable)
        return self._once("run", facts, Run, lambda: measure_latency(subjects, inputs, sampling, progress))

    def _outputs(self, key: str) -> Path:
        return self.store.root / "outputs" / key

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
