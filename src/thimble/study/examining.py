"""Look into artifacts for the causes of what they disappoint in: what runs in integers, what overflows, which layers suffer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.registry import METRICS, PROBES, RUNTIMES
from thimble.core.study import Candidate, Study
from thimble.core.subject import Subject
from thimble.core.values import digest_of, first_line

if TYPE_CHECKING:
    from thimble.core.task import Arrays, Task
    from thimble.measure.integers.scores import Reading
    from thimble.study.work import Work

SAMPLES = 128
"""Validation samples that are scored with and without VNNI."""
RANKED = 32
"""Calibration samples on which layers are ranked."""
SECONDS = 8.0
"""How long ranking, and emulating, may go on in a study; each has done something by then, and says how much."""
VERSION = 3


@dataclass(frozen=True)
class Evidence:
    """What was found in one artifact; the fields are those of a `Candidate`."""

    operators_ms: dict[str, float] = field(default_factory=dict)
    sensitivity_db: dict[str, float] = field(default_factory=dict)
    probes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, candidate: Candidate) -> Candidate:
        """The candidate with this evidence; what it knew already stays."""
        return replace(
            candidate,
            operators_ms=candidate.operators_ms or self.operators_ms,
            sensitivity_db=candidate.sensitivity_db or self.sensitivity_db,
            probes={**self.probes, **candidate.probes},
        )


@dataclass(frozen=True)
class Known:
    """What the examination may use: inputs of a usual kind, real data where there are any, and the float form of the artifact.

    Of the ``task`` calibration and validation are read, never test.
    """

    inputs: Arrays
    task: Task | None = None
    original: Subject | None = None
    samples: int = SAMPLES
    rank: bool = True
    seconds: float = SECONDS


def evidence_of(subject: Subject, known: Known) -> Evidence:
    """Everything that can be found in one artifact within seconds. What can't be looked at is left out, with its reason."""
    probes = {name: PROBES.get(name)().observe(subject, known.inputs) for name in ("graph", "operators", "storage", "subnormals")}
    operators = probes.pop("operators").get("ms", {})
    if not probes["graph"].get("quantized"):
        return Evidence(operators, {}, probes)
    if known.task is not None:
        probes["ranges"] = PROBES.get("ranges")().observe(subject, _some(known.task, "validation", 16))
    try:
        probes["processors"] = _on_both(subject, known, bool(probes["graph"]["dynamic"]))
    except Exception as error:  # a graph that can't be taken apart is no reason to end a study
        probes["processors"] = {"not available": first_line(error)}
    return Evidence(operators, _ranking(subject, known) if known.rank else {}, probes)


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


def explain(work: Work, names: Sequence[str], most: int = 6, until: float | None = None) -> None:
    """Examine candidates of a study, and put what is found into it; each artifact once, through the store.

    ``most`` is how many at most, the chosen one and the most disappointing ones first; ``until`` is a time of
    `time.monotonic` after which no examination begins.
    """
    from thimble.decide.findings import float_form, suspects

    known = Known(work.inputs, work.task)
    for name in suspects(work.study, names, most):
        if until is not None and time.monotonic() > until:
            break
        subject, candidate = work.subject(name), work.study.candidate(name)
        sibling = float_form(work.study, candidate)
        here = replace(known, original=work.subject(sibling) if sibling else None, rank=not candidate.sensitivity_db)
        facts = (VERSION, here.rank, _facts(subject), _facts(here.original), _seen(work.task), work.study.environment.comparable)
        key = f"evidence-{digest_of(*facts)}"
        found = work.observing.store.value(key, Evidence)
        if found is None:
            work.tell(name, "looking for causes")
            found = evidence_of(subject, here)
            work.observing.store.keep_value(key, found)
        changed = found.of(candidate)
        work.change(name, operators_ms=changed.operators_ms, sensitivity_db=changed.sensitivity_db, probes=changed.probes)
    work.save()


def _facts(subject: Subject | None) -> Any:
    """What decides the evidence about a subject."""
    if subject is None:
        return None
    from importlib.metadata import version

    files = [(file.path, file.sha256) for file in subject.artifact.files]
    return files, subject.runtime, version(RUNTIMES.get(subject.runtime).distribution), subject.threads, sorted(subject.options.items())


def _seen(task: Task) -> Any:
    return task.metric, [task.split(name).fingerprint() for name in ("calibration", "validation")]


def artifact_subject(study: Study, folder: Path, candidate: Candidate) -> Subject | None:
    """A candidate's artifact in a study's folder; ``None`` where it isn't there any more."""
    if candidate.artifact is None or candidate.folder is None:
        return None
    place = folder / candidate.folder
    if not (place / candidate.artifact.main).is_file():
        return None
    return Subject(candidate.name, place, candidate.artifact, candidate.runtime, study.threads, candidate.options)
