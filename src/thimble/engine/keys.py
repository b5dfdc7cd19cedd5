"""Addresses of what steps make and of what is measured: each holds everything that the result follows from.

What is built for a processor is addressed by the target's, never by the host's. The test split is in no address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from thimble.core.artifact import Artifact
from thimble.core.distribution import distribution_of
from thimble.core.errors import ThimbleError
from thimble.core.job import DropProven, Examine, Stop, Time
from thimble.core.pythons import versions
from thimble.core.registry import MODELS, RUNTIMES, STEPS
from thimble.core.step import Step, step_fields, step_name
from thimble.core.study import Environment
from thimble.core.subject import Subject
from thimble.core.task import ModelSpec, Task, TaskSpec
from thimble.core.values import digest_of

SCORING = 2
"""Goes up when the same outputs start to get other scores, or a runtime starts to compute otherwise by default."""


@dataclass(frozen=True)
class Source:
    """Where a study begins: the model as asked for, and the steps that make it the FP32 source (its training).

    ``facts`` are the addresses of what steps may use: ``train``, ``calibration`` and ``validation`` fingerprints. Without
    a ``task`` there are no data. ``features`` are the instruction sets of the target's processor.
    """

    model: ModelSpec
    task: TaskSpec | None
    fingerprint: str
    facts: Mapping[str, str]
    features: tuple[str, ...]
    prefix: tuple[Step, ...] = ()
    seed: int = 0
    threads: int = 1


def source_key(source: Source) -> str:
    """Address of the model as given."""
    given = source.model
    return digest_of("source", source.fingerprint, given.classes, given.size, given.shapes, given.seed)


def teacher_key(source: Source) -> str:
    """Address of the FP32 source model, with its prefix."""
    key = source_key(source)
    for step in source.prefix:
        key = step_key(source, key, step, "")
    return key


def student_key(source: Source, spec: str, classes: int | None) -> str:
    """Address of another network, opened to see whether it can be."""
    return digest_of("student", source_key(source), spec, classes, network_fingerprint(source, spec))


def step_key(source: Source, parent: str, step: Step, teacher: str) -> str:
    """Address of what a step makes of the result ``parent``; ``teacher`` is the address of the teacher."""
    facts = {**source.facts, "seed": source.seed, "threads": source.threads, "processor": source.features, "teacher": teacher}
    used = {name: facts.get(name) for name in step.uses}
    networks = [network_fingerprint(source, getattr(step, name)) for name in getattr(step, "networks", ())]
    return digest_of("step", parent, step_name(step), step.version, step_fields(step), used, networks, versions(step))


def trail_key(source: Source, parent: str, step: Step, teacher: str) -> str | None:
    """Address of what trainings share that differ in their length only; `None` for a step that has no length."""
    lengths = getattr(step, "lengths", ())
    if not lengths:
        return None
    return f"trail-{step_key(source, parent, replace(step, **dict.fromkeys(lengths)), teacher)}"  # type: ignore[type-var]


def network_fingerprint(source: Source, spec: str) -> str:
    """A digest of another network's source: its file, or its library's version.

    Its specification alone where it can't be opened: the step that opens it says why.
    """
    from thimble.models import fingerprint

    try:
        return fingerprint(replace(source.model, spec=spec, weights=None))
    except ThimbleError:
        return spec


def packages() -> set[str]:
    """Distributions whose versions every study states, where they are installed: what models, steps and runtimes need."""
    modules = {module for kind in (MODELS, STEPS) for cls in kind.all().values() for module in cls.needs}
    return {distribution_of(module) for module in modules} | {cls.distribution for cls in RUNTIMES.all().values()}


def size_key(artifact: Artifact) -> str:
    """Address of an artifact's size."""
    return f"size-{digest_of(_identity(artifact))}"


def cold_key(subject: Subject, where: Environment) -> str:
    """Address of a cold start."""
    return f"cold-{digest_of(_conditions(subject, where), where.comparable)}"


def outputs_key(subject: Subject, seen: object, where: Environment) -> str:
    """Address of an artifact's outputs on data; ``seen`` is what decides them: the split, the metric, the preprocessing."""
    return digest_of(SCORING, _conditions(subject, where), seen)


def quality_key(own: str, reference: str | None, stop: Stop | None = None) -> str:
    """Address of scores, by the addresses of the outputs that they are of, and by where scoring may stop early."""
    if stop is None:
        return f"quality-{digest_of(own, reference)}"
    rule = ("drop", stop.limit) if isinstance(stop, DropProven) else ("budget", stop.budget)
    return f"part-{digest_of(own, reference, rule)}"


def run_key(job: Time, where: Environment) -> str:
    """Address of a measuring run."""
    members = [(subject.name, _conditions(subject, where)) for subject in job.subjects]
    return f"run-{digest_of(members, job.sampling, job.joint, where.comparable)}"


def evidence_key(job: Examine, version: int, task: Task | None, where: Environment) -> str:
    """Address of what an examination finds. ``version`` is the examination's own."""
    seen = task and (task.metric, [task.split(name).fingerprint() for name in ("calibration", "validation")])
    original = job.original and _conditions(job.original, where)
    return f"evidence-{digest_of(version, job.rank, _conditions(job.subject, where), original, seen, where.comparable)}"


def _conditions(subject: Subject, where: Environment) -> list[object]:
    runtime = RUNTIMES.get(subject.runtime)
    version = where.versions.get(runtime.distribution)
    return [_identity(subject.artifact), subject.runtime, version, subject.threads, sorted(subject.options.items()), subject.device]


def _identity(artifact: Artifact) -> list[object]:
    """Return what identifies an artifact, independent of its folder."""
    return [artifact.format, [(file.path, file.sha256) for file in artifact.files], artifact.inputs, artifact.outputs]
