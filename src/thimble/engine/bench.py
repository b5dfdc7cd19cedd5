"""What all jobs of a study share: the store, the steps' process, open workers, and what artifacts are fed with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.core.artifact import Artifact
from thimble.core.study import Environment
from thimble.core.subject import Subject
from thimble.core.task import one_sample
from thimble.data import Beginning, made_inputs
from thimble.devices.pool import Pool
from thimble.engine.build import Builder
from thimble.engine.keys import Source
from thimble.engine.process import StepsProcess
from thimble.engine.store import Store
from thimble.measure.outputs import fixed_batch

if TYPE_CHECKING:
    from thimble.core.task import Arrays, Split, Task

SEVERAL = 8
"""Made-up samples of an examination: ratios of signal to noise need more than one."""


@dataclass(frozen=True)
class Feeds:
    """What artifacts are fed with: samples of the task, or noise of ``artifact``'s shapes where there is none.

    ``spec`` is how the task was asked for. ``split`` is where the samples that are timed come from, None for the one sample that
    tells shapes; ``batch`` is their number; ``shapes`` fill what files leave open.
    """

    task: Task | None = None
    spec: str = ""
    artifact: Artifact | None = None
    split: str | None = None
    batch: int = 1
    shapes: Mapping[str, tuple[int, ...]] | None = None
    seed: int = 0

    def timed(self) -> Arrays:
        """What is timed."""
        if self.task is None:
            return self.noise(self.seed)
        return next(iter(self.task.split(self.split).batches(self.batch))).inputs if self.split else one_sample(self.task)

    def noise(self, seed: int) -> Arrays:
        """Noise of the shapes of ``artifact``."""
        assert self.artifact is not None
        return made_inputs(self.artifact, self.batch, self.shapes, seed)

    def looks(self, count: int) -> list[Arrays]:
        """The first samples of the validation split, one by one, on which outputs are compared; none where there is no such split."""
        from thimble.data import present_splits

        if self.task is None or "validation" not in present_splits(self.task):
            return []
        return [batch.inputs for batch in Beginning(self.task.split("validation"), count).batches(1)]

    def examined(self, subject: Subject) -> Arrays:
        """What a subject is examined with: real samples, or several made-up ones."""
        if self.task is not None:
            return self.timed()
        return made_inputs(subject.artifact, fixed_batch(subject.artifact) or SEVERAL, self.shapes)

    def samples(self, split: str, count: int | None) -> Split:
        """A split of the task, or its first samples."""
        assert self.task is not None
        whole = self.task.split(split)
        return whole if count is None or count >= len(whole) else Beginning(whole, count)


@dataclass
class Bench:
    """Where a study's jobs are done. Artifacts lie below ``root``; without a ``source`` nothing can be built.

    ``device`` is where they are measured.
    """

    root: Path
    store: Store
    environment: Environment
    feeds: Feeds
    source: Source | None = None
    device: str = "local"
    process: StepsProcess = field(default_factory=StepsProcess)

    def __post_init__(self) -> None:
        self.pool = Pool(self.environment.memory_mb)
        self._building = Builder(self.store, self.process, self.source) if self.source else None

    @property
    def builder(self) -> Builder:
        """What carries out recipes."""
        assert self._building is not None, "this study builds nothing"
        return self._building

    def here(self, subject: Subject) -> Subject:
        """The subject with its folder where it is."""
        return replace(subject, folder=self.root / subject.folder)

    def close(self) -> None:
        """End every process."""
        self.pool.close()
        self.process.stop()
