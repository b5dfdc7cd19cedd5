"""Explain an artifact, or every candidate of a study, with evidence from the artifacts themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.api.measure import UNLABELLED
from thimble.api.options import check
from thimble.api.request import Doctor
from thimble.api.resolve import reopened, task_spec, told_by
from thimble.api.subjects import Opening, as_given, known_suffixes, look_through, open_subjects, placed
from thimble.core.distribution import version
from thimble.core.errors import BadInput, ThimbleError
from thimble.core.paths import user_path
from thimble.core.registry import RUNTIMES
from thimble.core.step import Progress, silent
from thimble.core.study import Limits, Quality, Study, read_study
from thimble.core.temporary import temporary_folder
from thimble.data import task_info

if TYPE_CHECKING:
    from thimble.core.subject import Subject
    from thimble.core.task import Task
    from thimble.engine.bench import Feeds
    from thimble.search.actions import Policy

SECONDS = 40.0
"""How long layers are ranked, and another processor is emulated."""

MOST = 6
"""Candidates of a study that are looked into."""

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
    from thimble.devices import environment_of
    from thimble.devices.processor import available_cores
    from thimble.engine.bench import Feeds
    from thimble.search.measure import DoctorPolicy

    threads = options.threads or len(available_cores())
    names = [spec] if options.against is None else [options.against, spec]
    progress(0.0, "opening")
    subjects = open_subjects(names, Opening(threads=threads, reading=options), folder)
    task = _task(options, subjects[-1])
    where = environment_of({RUNTIMES.get(subject.runtime).distribution for subject in subjects})
    info = task_info(options.data or "", task) if task else UNLABELLED
    blank = Study("doctor", spec, info, where, threads, 0, Limits(), tuple(map(as_given, subjects)), opened=True, thimble=version())
    feeds = Feeds(task, options.data or "", subjects[-1].artifact, shapes=options.shapes)
    policy = DoctorPolicy(rounds=ROUNDS, patience_s=SECONDS)
    study = _carried_out(blank, policy, folder, feeds, progress)
    return _with_qualities(study, task) if task and len(subjects) > 1 else study


def _carried_out(study: Study, policy: Policy, root: Path, feeds: Feeds, progress: Progress) -> Study:
    """A study of artifacts below ``root`` that are there already; nothing of it is kept."""
    from thimble.devices import environment_of
    from thimble.engine import engine_at
    from thimble.engine.bench import Bench
    from thimble.engine.store import Store
    from thimble.study.folder import Unkept
    from thimble.study.run import Clock, run

    with temporary_folder() as scratch:
        where = environment_of({RUNTIMES.get(candidate.runtime).distribution for candidate in study.candidates})
        engine = engine_at(Bench(root, Store(scratch / "store"), where, feeds))
        try:
            return run(study, policy, engine, Unkept(), Clock(), lambda event: progress(event.done, event.what))
        finally:
            engine.close()


def _with_qualities(study: Study, task: Task) -> Study:
    """Both forms' scores on the samples that were looked at, so that what was lost can be told."""
    first, second = study.candidates
    both = second.probes.get("processors", {})
    if not both.get("original", {}).get("scores"):
        return study
    samples = f"{task.split('validation').fingerprint()} {both['samples']}"
    own, here = both["original"], both[both["here"]]
    scored = [
        Quality("validation", samples, task.metric, tuple(one["scores"]), sqnr_db=db) for one, db in ((own, None), (here, here["sqnr_db"]))
    ]
    candidates = (replace(first, quality={"validation": scored[0]}), replace(second, quality={"validation": scored[1]}))
    return replace(study, candidates=candidates)


def _task(options: Doctor, subject: Subject) -> Task | None:
    """The data by the artifact's own preprocessing, else at its input's size."""
    from thimble.data import open_task

    if options.data is None:
        return None
    return open_task(task_spec(options, options.data, preprocess=subject.artifact.preprocess, **told_by(subject.folder, subject.artifact)))


def _study(study: Study, folder: Path, options: Doctor, progress: Progress) -> Study:
    """A study as it is, with evidence where it lacks some and the artifacts are still there."""
    from thimble.engine.bench import Feeds
    from thimble.engine.process import StepsProcess
    from thimble.search.jobs import examination
    from thimble.search.measure import ExaminePolicy

    there = tuple(candidate.name for candidate in study.candidates if candidate.ok and placed(candidate, folder))
    with StepsProcess() as process:
        for name in there:
            candidate = study.candidate(name)
            assert candidate.artifact is not None
            look_through(folder / str(candidate.folder), candidate.artifact, process)
    if not there and not any(candidate.probes.get("graph") for candidate in study.candidates):
        raise BadInput(f"{folder} holds a study without artifacts; there is nothing to explain")
    task = _same_task(study, options) if examination(study, MOST, there) else None
    feeds = Feeds(task, shapes=options.shapes)
    found = _carried_out(study, ExaminePolicy(there, MOST, SECONDS), folder, feeds, progress)
    return replace(found, complete=study.complete, seconds=study.seconds)


def _same_task(study: Study, options: Doctor) -> Task | None:
    """The study's data, if they can be opened again and are the same; ``--data`` says where they are now."""
    try:
        return reopened(study, "validation", options.data, options)
    except (ThimbleError, KeyError):
        return None
