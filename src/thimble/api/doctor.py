"""Explain an artifact, or every candidate of a study, with evidence from the artifacts themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.api.options import check
from thimble.api.request import Doctor
from thimble.api.resolve import READING
from thimble.api.subjects import Opening, known_suffixes, look_through, made_inputs, open_subjects
from thimble.core.errors import BadInput, ThimbleError
from thimble.core.paths import user_path
from thimble.core.registry import RUNTIMES
from thimble.core.step import Progress, silent
from thimble.core.study import Candidate, Limits, Quality, Run, Study, TaskInfo, read_study
from thimble.core.task import TaskSpec, one_sample
from thimble.core.temporary import temporary_folder
from thimble.study.examining import Evidence, Known, artifact_subject, evidence_of

if TYPE_CHECKING:
    from thimble.core.subject import Subject
    from thimble.core.task import Arrays, Task

SECONDS = 40.0
"""How long layers are ranked, and another processor is emulated."""

ROUNDS = 12
"""Rounds in which an artifact is measured beside its float form."""


def examine(spec: str, options: Doctor | None = None, progress: Progress = silent) -> Study:
    """Look into an artifact or a study; gives a study whose candidates carry the evidence, fit for `summarize`.

    ``spec`` is a folder with ``study.json``, or what ``thimble measure`` takes. Raises `BadInput` in one line for what is
    no model, and for a study without any artifact.
    """
    options = options or Doctor()
    check(options)
    path = user_path(spec)
    if (path / "study.json").is_file() or (path.name == "study.json" and path.is_file()):
        folder = path if path.is_dir() else path.parent
        return _study(read_study(folder), folder, options, progress)
    if ":" not in spec and not path.exists():
        raise BadInput(
            f"{spec} doesn't exist; give a study's or an artifact's folder, a file ({known_suffixes()}), or a model such as "
            "torchvision:resnet18"
        )
    if path.is_dir() and not (path / "artifact.json").is_file():
        raise BadInput(f"{spec} is neither a study (it has no study.json) nor an artifact (it has no artifact.json)")
    with temporary_folder() as scratch:
        return _artifact(spec, options, scratch, progress)


def _artifact(spec: str, options: Doctor, folder: Path, progress: Progress) -> Study:
    """One artifact, beside its float form where that is named."""
    from thimble.core.sampling import Sampling
    from thimble.devices import environment_of, reserve
    from thimble.devices.processor import available_cores
    from thimble.measure.latency import measure_latency

    threads = options.threads or len(available_cores())
    names = [spec] if options.against is None else [options.against, spec]
    progress(0.0, "opening")
    opening = Opening(None, threads, shapes=options.shapes, size=options.size, values=options.values)
    subjects = open_subjects(names, replace(opening, states=options.states, batch_axes=options.batch_axes), folder)
    task = _task(options, subjects[-1])
    inputs = one_sample(task) if task else made_inputs(subjects[-1].artifact, 1, options.shapes)
    candidates = []
    for i, subject in enumerate(subjects):
        progress(0.1 + 0.6 * i / len(subjects), f"{subject.name}: looking into it")
        original = subjects[0] if i else None
        candidates.append(_looked_at(subject, Known(_several(inputs, task, subject, options), task, original, seconds=SECONDS)))
    runs: tuple[Run, ...] = ()
    if len(subjects) > 1 and all(candidate.ok for candidate in candidates):
        progress(0.7, "measuring it beside its float form")
        with reserve():
            runs = (measure_latency(subjects, inputs, Sampling(rounds=ROUNDS), lambda done, words: progress(0.7 + 0.3 * done, words)),)
    if task and len(candidates) > 1:
        candidates = _with_qualities(candidates, task)
    versions = {RUNTIMES.get(subject.runtime).distribution for subject in subjects}
    joint = runs[0].id if runs else None
    info = _info(options.data, task)
    return Study("doctor", spec, info, environment_of(versions), threads, 0, Limits(), tuple(candidates), runs, joint, complete=True)


def _with_qualities(candidates: list[Candidate], task: Task) -> list[Candidate]:
    """Both forms' scores on the samples that were looked at, so that what was lost can be told."""
    first, second = candidates
    both = second.probes.get("processors", {})
    if not both.get("original", {}).get("scores"):
        return candidates
    samples = f"{task.split('validation').fingerprint()} {both['samples']}"
    own, here = both["original"], both[both["here"]]
    scored = [
        Quality("validation", samples, task.metric, tuple(one["scores"]), sqnr_db=db) for one, db in ((own, None), (here, here["sqnr_db"]))
    ]
    return [replace(first, quality={"validation": scored[0]}), replace(second, quality={"validation": scored[1]})]


def _looked_at(subject: Subject, known: Known) -> Candidate:
    """A candidate with its size and the evidence."""
    from thimble.measure.size import measure_size

    made = Candidate(subject.name, "as given", subject.runtime, artifact=subject.artifact, folder=str(subject.folder), status="ok")
    try:
        return evidence_of(subject, known).of(replace(made, size=measure_size(subject.folder, subject.artifact)))
    except ThimbleError as error:
        if known.original is None:
            raise
        return replace(made, status="failed", reason=str(error))


def _several(inputs: Arrays, task: Task | None, subject: Subject, options: Doctor) -> Arrays:
    """Noise for several samples where there are no data: ratios of signal to noise need more than one."""
    from thimble.measure.outputs import fixed_batch

    return inputs if task else made_inputs(subject.artifact, fixed_batch(subject.artifact) or 8, options.shapes)


def _task(options: Doctor, subject: Subject) -> Task | None:
    """The data by the artifact's own preprocessing, else at its input's size."""
    from thimble.data import open_task

    if options.data is None:
        return None
    given = subject.artifact.preprocess
    asked = TaskSpec(options.data, options.size, options.mean, options.std, preprocess=given, takes=subject.artifact.inputs)
    return open_task(replace(asked, **{name: getattr(options, name) for name in READING}))


def _info(spec: str | None, task: Task | None) -> TaskInfo:
    from thimble.data import task_info

    return task_info(spec or "", task) if task else TaskInfo("", "", "agreement", "%", True, (), {})


def _study(study: Study, folder: Path, options: Doctor, progress: Progress) -> Study:
    """A study as it is, with evidence where it lacks some and the artifacts are still there."""
    from thimble.decide.findings import float_form, suspects
    from thimble.engine.process import StepsProcess

    subjects = {c.name: s for c in study.candidates if c.ok and (s := artifact_subject(study, folder, c))}
    with StepsProcess() as process:
        for subject in subjects.values():
            look_through(subject.folder, subject.artifact, process)
    known = any(candidate.probes.get("graph") for candidate in study.candidates)
    if not subjects and not known:
        raise BadInput(f"{folder} holds a study without any artifact: there is nothing to look into")
    names = [name for name in suspects(study) if name in subjects and "graph" not in study.candidate(name).probes]
    task = _same_task(study, options) if names else None
    found: dict[str, Evidence] = {}
    for i, name in enumerate(names):
        progress(i / len(names), f"{name}: looking into it")
        original = subjects.get(float_form(study, study.candidate(name)) or "")
        inputs = one_sample(task) if task else made_inputs(subjects[name].artifact, 8, options.shapes)
        try:
            found[name] = evidence_of(subjects[name], Known(inputs, task, original, seconds=SECONDS))
        except ThimbleError as error:
            found[name] = Evidence(probes={"graph": {"not available": str(error)}})
    changed = tuple(found[c.name].of(c) if c.name in found else c for c in study.candidates)
    return replace(study, candidates=changed)


def _same_task(study: Study, options: Doctor) -> Task | None:
    """The study's data, if they can be opened again and are the same; ``--data`` says where they are now."""
    from thimble.data import open_task

    info = study.task
    size = options.size or (info.preprocess.size if info.preprocess else None)
    for given in (True, False):
        try:
            task = open_task(TaskSpec(options.data or info.spec, size, options.mean, options.std, study.seed, given, info.preprocess))
            if task.split("validation").fingerprint() == info.splits["validation"].fingerprint:
                return task
        except (ThimbleError, KeyError):
            continue
    return None
