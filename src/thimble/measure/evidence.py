"""Look into artifacts for the causes of what they disappoint in: what runs in integers, what overflows, which layers suffer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from thimble.core.job import Observed
from thimble.core.registry import METRICS, PROBES
from thimble.core.subject import Subject
from thimble.core.values import first_line

if TYPE_CHECKING:
    from thimble.core.task import Arrays, Task
    from thimble.measure.integers.scores import Reading

SAMPLES = 128
"""Validation samples that are scored with and without VNNI."""
RANKED = 32
"""Calibration samples on which layers are ranked."""
VERSION = 3
"""Goes up when the same artifact starts to give other evidence."""


@dataclass(frozen=True)
class Known:
    """What the examination may use: inputs of a usual kind, real data where there are any, and the float form of the artifact.

    Of the ``task`` calibration and validation are read, never test. Ranking and emulating may go on for so many ``seconds``;
    each has done something by then, and says how much.
    """

    inputs: Arrays
    task: Task | None = None
    original: Subject | None = None
    samples: int = SAMPLES
    rank: bool = True
    seconds: float = 8.0


def evidence_of(subject: Subject, known: Known) -> Observed:
    """Everything that can be found in one artifact within seconds. What can't be looked at is left out, with its reason."""
    probes = {name: PROBES.get(name)().observe(subject, known.inputs) for name in ("graph", "operators", "storage", "subnormals")}
    operators = probes.pop("operators").get("ms", {})
    if not probes["graph"].get("quantized"):
        return Observed(probes, operators)
    if known.task is not None:
        probes["ranges"] = PROBES.get("ranges")().observe(subject, _some(known.task, "validation", 16))
    try:
        probes["processors"] = _on_both(subject, known, bool(probes["graph"]["dynamic"]))
    except Exception as error:  # a graph that can't be taken apart is no reason to end a study
        probes["processors"] = {"not available": first_line(error)}
    return Observed(probes, operators, _ranking(subject, known) if known.rank else {})


def _some(task: Task, split: str, samples: int) -> Arrays:
    """Samples spread over a split, as one batch."""
    from thimble.measure.integers.scores import batches_at, spread

    return next(batches_at(task.split(split), spread(task.split(split), samples), samples)).inputs


def _on_both(subject: Subject, known: Known, alone: bool) -> dict[str, Any]:
    """Scores with and without VNNI, on validation samples or on the inputs at hand."""
    from thimble.core.task import Batch
    from thimble.measure.integers.scores import Reading, on_both, reading

    if known.task is None:
        given = Reading((Batch(known.inputs, None),), None, "made-up")
        return on_both(subject, _with_original(given, known.original), None, known.seconds)
    given = reading(known.task.split("validation"), "validation", subject, known.samples, alone)
    metric = None if known.task.metric == "agreement" else METRICS.get(known.task.metric)()
    return on_both(subject, _with_original(given, known.original), metric, known.seconds)


def _with_original(given: Reading, original: Subject | None) -> Reading:
    """The samples with the float model's first output for each batch."""
    from thimble.devices import start
    from thimble.measure.metrics._outputs import primary
    from thimble.measure.outputs import run_batch

    if original is None:
        return given
    with start(original) as worker:
        return replace(given, wanted=tuple(primary(run_batch(worker, batch, original)) for batch in given.batches))


def _ranking(subject: Subject, known: Known) -> dict[str, float]:
    """Layers by what they cost alone, on calibration data or the inputs at hand."""
    from thimble.core.model import fed
    from thimble.measure.integers.scores import together
    from thimble.measure.outputs import fixed_batch
    from thimble.measure.sensitivity import sensitivity_db

    size = fixed_batch(subject.artifact) or max(4, together(known.inputs, RANKED))
    given = _some(known.task, "calibration", size) if known.task else known.inputs
    path, original = subject.folder / subject.artifact.main, known.original
    floats = original.folder / original.artifact.main if original and original.artifact.format == "onnx" else None
    try:
        return sensitivity_db(path, floats, [fed(given, subject.artifact.inputs)], subject.threads, known.seconds)
    except Exception:  # graphs that don't stand the change, or that ONNX Runtime can't run in float: no ranking
        return {}
