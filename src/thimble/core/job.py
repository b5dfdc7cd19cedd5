"""Jobs: what a study asks to be done, as values; what comes of them; and the engine that does them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from thimble.core.artifact import Artifact
from thimble.core.errors import ThimbleError
from thimble.core.sampling import Sampling
from thimble.core.step import Progress, Step
from thimble.core.study import Cold, Quality, Run, Size, StepRecord, TaskInfo
from thimble.core.subject import Subject


@dataclass(frozen=True)
class DropProven:
    """Stop scoring as soon as a drop of more than ``limit`` points against ``baseline`` is proven, however often one looks."""

    limit: float
    baseline: Quality


@dataclass(frozen=True)
class Within:
    """Stop scoring where that has taken more than so many ``seconds``, as a time ``budget`` allows.

    Where scoring stopped once under a budget, it stops there whenever it is asked for under the same one.
    """

    seconds: float
    budget: float


Stop = DropProven | Within


@dataclass(frozen=True, kw_only=True)
class Job:
    """One piece of work for one ``candidate``, named so.

    ``seconds`` is the time that is left for it, ``None`` without a limit; ``share`` about what part of the whole work it is,
    from 0 to 1. No result depends on these two.
    """

    candidate: str
    seconds: float | None = None
    share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Open(Job):
    """Open the model as given, or the ``subject`` that is there already, and a ``student`` that shall be taught.

    Data that don't fit are refused; those without labels get the metric that suits the outputs.
    """

    subject: Subject | None = None
    student: str | None = None


@dataclass(frozen=True, kw_only=True)
class Apply(Job):
    """Carry out a recipe's ``steps`` so that ``runtime`` can open what they leave."""

    steps: tuple[Step, ...] = ()
    runtime: str = "pytorch"


@dataclass(frozen=True, kw_only=True)
class Weigh(Job):
    """Measure the size of everything that ships."""

    subject: Subject


@dataclass(frozen=True, kw_only=True)
class Start(Job):
    """A cold start: loading, the first inference, memory at its peak."""

    subject: Subject


@dataclass(frozen=True, kw_only=True)
class Score(Job):
    """Score a split, or its first ``samples``, until ``stop`` says that this is enough.

    Outputs are compared with those of ``reference``, which was scored before. ``ahead`` are splits that the same process
    answers while it is open: their scores are kept for later jobs, and are no part of the result.
    """

    subject: Subject
    split: str
    reference: Subject | None = None
    samples: int | None = None
    stop: Stop | None = None
    ahead: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Time(Job):
    """One interleaved run of ``subjects``, the first of them the reference.

    ``joint`` says that its ratios are reported: it takes fresh processes that are opened together, under equal conditions.
    """

    subjects: tuple[Subject, ...]
    sampling: Sampling = field(default_factory=Sampling)
    joint: bool = False


@dataclass(frozen=True, kw_only=True)
class Sustain(Job):
    """A run of one subject without a pause for so many seconds."""

    subject: Subject
    duration: float


@dataclass(frozen=True, kw_only=True)
class Observe(Job):
    """Look at an artifact with ``probes``; ``throughput`` asks for samples per second by batch size.

    ``likened`` to another artifact: how alike their outputs on noise are.
    """

    subject: Subject
    probes: tuple[str, ...] = ()
    throughput: bool = False
    likened: Subject | None = None


@dataclass(frozen=True, kw_only=True)
class Examine(Job):
    """Look into an artifact for causes, beside its float form ``original``; ``rank`` asks which layers suffer most.

    Emulating and ranking may go on for ``patience_s`` seconds each.
    """

    subject: Subject
    original: Subject | None = None
    rank: bool = True
    patience_s: float = 8.0


@dataclass(frozen=True)
class Opened:
    """What a user must hear of the model, and the data as they are judged."""

    remarks: tuple[str, ...] = ()
    task: TaskInfo | None = None


@dataclass(frozen=True)
class Built:
    """An artifact's files in ``folder``, the record of each step, and layers by what each costs alone (dB) where a step ranked them.

    ``seen`` are digests of the samples that it has learned from or that it is chosen with (`thimble.core.seen`).
    """

    folder: Path
    artifact: Artifact
    steps: tuple[StepRecord, ...] = ()
    sensitivity_db: dict[str, float] = field(default_factory=dict)
    seen: frozenset[bytes] = frozenset()


@dataclass(frozen=True)
class Observed:
    """What was seen in an artifact: probes by name, milliseconds by operator, samples per second by batch size."""

    probes: dict[str, dict[str, Any]] = field(default_factory=dict)
    operators_ms: dict[str, float] = field(default_factory=dict)
    sensitivity_db: dict[str, float] = field(default_factory=dict)
    throughput: dict[str, float] = field(default_factory=dict)


Result = Opened | Built | Size | Cold | Quality | Run | Observed


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its result, or the error that ended it with the ``steps`` that were done by then.

    ``notes`` are lines for the user about how the work went, such as a machine that was lost meanwhile.
    """

    job: Job
    result: Result | None = None
    error: ThimbleError | None = None
    steps: tuple[StepRecord, ...] = ()
    notes: tuple[str, ...] = ()


@runtime_checkable
class Engine(Protocol):
    """Where jobs run. It holds open processes and closes them; it knows no study."""

    def submit(self, job: Job) -> None:
        """Take a job; it may begin at once or later."""
        ...

    def wait(self, tell: Callable[[Job], Progress]) -> Outcome:
        """The next job that ended; ``tell(job)`` takes its progress. Raises what is no `ThimbleError`, and interruptions."""
        ...

    def running(self) -> int:
        """Jobs that were submitted and have not ended."""
        ...

    def room(self) -> int:
        """How many more jobs it would take now; 0 where the next one must wait."""
        ...

    def doing(self) -> frozenset[str]:
        """The candidates whose jobs have not ended: of these nothing more is to be asked for yet."""
        ...

    def cancel(self, candidate: str) -> None:
        """Give up what is submitted or kept open for a candidate that goes no further."""
        ...

    def known(self, job: Job) -> bool:
        """Return whether the job's result is there already, from an earlier start."""
        ...

    def opening_s(self) -> float:
        """Seconds that starting a process and opening an artifact in it takes, about; 0 where nothing was opened yet."""
        ...

    def close(self) -> None:
        """End every process."""
        ...
