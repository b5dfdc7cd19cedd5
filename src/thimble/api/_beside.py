"""What an artifact is beside the file it was made of: its size, and a short look at its speed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.core.errors import ThimbleError
from thimble.core.registry import RUNTIMES, STEPS
from thimble.core.sampling import Sampling
from thimble.core.summary import Interval

if TYPE_CHECKING:
    from thimble.core.model import Model
    from thimble.core.subject import Subject
    from thimble.core.task import Task
    from thimble.engine.build import Builder, Built

ROUNDS = 8
WARMUP_S = 2.0
PATIENCE, LONGEST_S = 2.0, 20.0
"""Rounds that a busy machine may spoil, in multiples of `ROUNDS`, and the seconds after which the look ends."""
WAIT_S = 5.0
"""Seconds that another measurement is waited for; the look is left out then."""
SMALLER = ("quantize", "store")
"""Effects whose result is compared with what they were applied to."""


@dataclass(frozen=True)
class Beside:
    """The file before the first step that quantizes or stores: its name and bytes.

    ``speedup`` is how many times faster the artifact is; ``None`` where that was not measured, for the ``reason``.
    """

    name: str
    bytes: int
    speedup: Interval | None = None
    reason: str = ""


def beside(builder: Builder, built: Built, opened: Built, made: Subject, task: Task | None) -> Beside | None:
    """Compare an artifact with the file it was made of; ``None`` where no step made one smaller, or the file lies in memory."""
    source, name = _before(builder, built, opened)
    if source is None or source.format not in RUNTIMES.get(made.runtime).formats:
        return None
    size = sum(path.stat().st_size for path in source.folder.rglob("*") if path.is_file())
    try:
        return Beside(name, size, *_speedup(source, made, task))
    except ThimbleError as error:
        return Beside(name, size, None, str(error))


def _before(builder: Builder, built: Built, opened: Built) -> tuple[Model | None, str]:
    """The model before the first step that makes a file smaller, and what it is called; ``None`` where it lies in memory."""
    before, name = opened.key, Path(builder.source.model.spec).name
    for step in built.steps:
        if set(SMALLER) & set(STEPS.get(step.name).effects):
            model = builder.store.describe(before)
            return (None, "") if model.format == "torch" else (model, name)
        before, name = step.key, step.text
    return None, ""


def _speedup(source: Model, made: Subject, task: Task | None) -> tuple[Interval | None, str]:
    """How many times faster the artifact is; where too few rounds were quiet, why there is no figure."""
    from thimble.core.subject import Subject
    from thimble.core.task import one_sample
    from thimble.data import made_inputs
    from thimble.devices.lock import measuring_lock
    from thimble.formats import describe
    from thimble.measure.latency import measure_latency
    from thimble.stats import speedup_in

    whole = Subject("before", source.folder, describe(source, None, ()), made.runtime, made.threads)
    inputs = one_sample(task) if task else made_inputs(whole.artifact, 1, None)
    with measuring_lock(WAIT_S):
        run = measure_latency([whole, made], inputs, Sampling(rounds=ROUNDS, warmup_s=WARMUP_S, patience=PATIENCE, longest_s=LONGEST_S))
    found = speedup_in(run, made.name)
    return found, "" if found else "the machine is busy: other programs held the processor"
