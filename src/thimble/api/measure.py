"""Measure some artifacts together, outside any study's plan: what ``thimble measure`` and ``thimble compare`` do."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.api.installing import with_runtimes
from thimble.api.options import check
from thimble.api.request import Compare, Measure
from thimble.api.resolve import task_spec, told_by
from thimble.api.subjects import Opening, as_given, open_subjects, split_runtime
from thimble.core.distribution import version
from thimble.core.errors import BadInput, CannotWrite, NotWritten, RuntimeFailed
from thimble.core.paths import check_writable, user_path
from thimble.core.registry import PROBES, RUNTIMES
from thimble.core.step import Progress, silent
from thimble.core.study import Advice, Limits, Study, TaskInfo, read_study, write_study
from thimble.core.subject import Subject
from thimble.core.task import ModelSpec, Task, one_sample
from thimble.core.temporary import temporary_folder
from thimble.decide.compare import Verdict, compare_saved

if TYPE_CHECKING:
    from thimble.core.study import Environment

UNLABELLED = TaskInfo("", "", "agreement", "%", True, (), {})
"""What a measurement without data says of its task."""


def measure(
    artifacts: Sequence[str], options: Measure | None = None, progress: Progress = silent, tell: Callable[[str], None] | None = None
) -> Study:
    """Measure artifacts together in one interleaved run, the first one the baseline; sizes, cold starts and quality too.

    ``artifacts`` are folders, bundles, ``.onnx`` or ``.pt2`` files, or models such as ``torchvision:resnet18``; ``@RUNTIME``
    behind one says what opens it. Measures always: nothing is taken from an earlier measurement. A member that fails
    is a candidate with its reason; raises what makes the whole impossible. Whether ``out`` can be written is tried first; where it
    can't be any more at the end, `NotWritten` holds the study. ``browser`` as the device serves the page of one web bundle until a
    browser has measured; ``tell`` receives the page's address.
    """
    from thimble.api.serve import is_browser

    options = options or Measure()
    if not artifacts:
        raise BadInput("nothing to measure: give at least one artifact")
    check(options)
    if options.out:
        from thimble.study.ownership import check_kind

        check_writable(Path(options.out))
        check_kind(Path(options.out), "measure")
    for name in options.probes:
        PROBES.get(name)
    if options.on != "local" and "energy" in options.probes:
        raise BadInput(f"--energy reads this machine's counters, which say nothing of {options.on}: leave it out")
    if options.install and is_browser(options.on):
        raise BadInput(f"--install makes a virtual environment on a board over ssh, and {options.on} is none: leave it out")
    if is_browser(options.on):
        study = _in_browser(artifacts, options, tell or (lambda address: progress(0.0, f"open {address} in a browser")))
    else:
        with temporary_folder() as folder:
            study = _measured(artifacts, options, folder, progress)
    if options.out:
        _write(study, Path(options.out))
    return study


def imported(file: str | Path, out: str | Path | None = None) -> Study:
    """The measurement that a web bundle's page saved, as a study; it is written to the folder ``out``, where one is given.

    Raises `BadInput` in one line for a file that is none, or whose parts don't fit each other.
    """
    from thimble.api.serve import imported as study_in
    from thimble.core.paths import contents

    path = user_path(file)
    try:
        content = contents(path)
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from error
    if out is not None:
        check_writable(Path(out))
    study = study_in(content, path)
    if out is not None:
        _write(study, Path(out))
    return study


def _in_browser(artifacts: Sequence[str], options: Measure, tell: Callable[[str], None]) -> Study:
    """Let a browser measure the one web bundle; its page knows neither data nor probes."""
    from thimble.api.serve import measured_in_browser, serving_at

    asked = {"--data": options.data, "--sustained": options.sustained, "--throughput": options.throughput, "--energy": options.probes}
    if refused := next((word for word, value in asked.items() if value), None):
        raise BadInput(f"a browser's page measures latency in rounds, nothing else: leave out {refused}")
    if len(artifacts) != 1:
        raise BadInput(f"a browser measures one bundle, which holds its FP32 reference; got {len(artifacts)} artifacts")
    return measured_in_browser(artifacts[0], serving_at(options.on, tell, options.threads))


def compare(first: str, second: str, options: Compare | None = None, progress: Progress = silent) -> Verdict:
    """The verdict on two artifacts, measured together now; or on two saved measurements, where those may be compared.

    A saved measurement is a folder with ``study.json``, or that file, and ``:NAME`` of a candidate in it. Raises
    `BadInput` with the reason where two of them can't be compared, or one is saved and the other is not.
    """
    saved = [saved_measurement(text) for text in (first, second)]
    if saved[0] is not None and saved[1] is not None:
        return compare_saved(saved[0], saved[1])
    if any(saved):
        raise BadInput("can't compare a saved measurement with an artifact: give two artifacts or two saved measurements")
    study = measure([first, second], Measure(**vars(options or Compare())), progress)
    failed = next((candidate for candidate in study.candidates if not candidate.ok), None)
    if failed:
        raise RuntimeFailed(failed.reason)
    return compare_saved(*((study, candidate.name) for candidate in study.candidates))


def saved_study(text: str) -> Study | None:
    """The study at a path, or ``None`` where the text names none."""
    path = user_path(text)
    return read_study(path) if (path / "study.json").is_file() or (path.suffix == ".json" and path.is_file()) else None


def saved_measurement(text: str) -> tuple[Study, str] | None:
    """``DIR:NAME`` as a study and a candidate in it; ``DIR`` alone where its study has one. ``None`` for anything else."""
    place, colon, name = text.rpartition(":")
    study = saved_study(place) if colon else None
    if study is None:
        study, name = saved_study(text), ""
    if study is None:
        return None
    names = [candidate.name for candidate in study.candidates if candidate.ok]
    if not name and len(names) == 1:
        name = names[0]
    if name not in names:
        asked = f"has no candidate {name!r} that was measured" if name else "holds several candidates"
        raise BadInput(f"{place if name else text} {asked}: add one of {', '.join(f':{known}' for known in names)}")
    return study, name


def _measured(artifacts: Sequence[str], options: Measure, folder: Path, progress: Progress) -> Study:
    """The measurement's study, carried out; ``folder`` holds what it needs meanwhile."""
    from thimble.devices import environment_of, machine_of, reserve
    from thimble.engine import engine_at
    from thimble.engine.bench import Bench, Feeds
    from thimble.engine.store import Store
    from thimble.search.measure import MeasurePolicy
    from thimble.study.folder import Unkept
    from thimble.study.run import Clock, run

    clock, threads, remarks = Clock(), options.threads or machine_of(options.on).cores(), list[str]()
    opening = Opening(options.runtime, threads, options.weights, options.seed, options, remarks.append, _sample(artifacts, options))
    progress(0.0, "opening")
    subjects = list(open_subjects(artifacts, opening, folder))
    options = with_runtimes(options, [subject.runtime for subject in subjects], lambda words: progress(0.0, words))
    subjects = [replace(subject, device=options.on) for subject in subjects]
    task = _task(artifacts, subjects[0], options)
    where = environment_of({RUNTIMES.get(subject.runtime).distribution for subject in subjects}, options.on)
    feeds = Feeds(task, options.data or "", subjects[0].artifact, "test", options.batch, options.shapes, options.seed)
    feeds.timed()  # what can't be fed is refused before anything is started
    quick = {name for name, probe in PROBES.all().items() if not probe.slow}
    sampling = replace(options.sampling, batch=options.batch, seed=options.seed, reopen=True)
    policy = MeasurePolicy(sampling, tuple(sorted({*quick, *options.probes})), options.throughput, options.sustained)
    blank = _study(subjects, task, where, options, threads)
    engine = engine_at(Bench(folder, Store(folder / "store"), where, feeds))
    try:
        with reserve(options.on):  # not while files of strangers are opened, which may take their time
            study = run(blank, policy, engine, Unkept(), clock, lambda event: progress(event.done, event.what))
    finally:
        engine.close()
    return _warned(study, remarks)


def _sample(specs: Sequence[str], options: Measure) -> tuple[dict[str, tuple[int, ...]], dict[str, str]] | None:
    """Shapes and types of a sample of the data, for networks in Python that don't say what they take; ``None`` where none is there."""
    from thimble.data import open_task

    if options.data is None or not any(".py:" in spec for spec in specs):
        return None
    sample = one_sample(open_task(task_spec(options, options.data, seed=options.seed, weights_given=True)))
    return {name: array.shape for name, array in sample.items()}, {name: str(array.dtype) for name, array in sample.items()}


def _task(specs: Sequence[str], first: Subject, options: Measure) -> Task | None:
    """The data as the first artifact wants them: by its own preprocessing, else at its input's size."""
    from thimble.data import check_finite, fit_to, open_task
    from thimble.measure.quality import check_not_learned, check_unseen
    from thimble.models import preprocess_of

    if options.data is None:
        return None
    artifact = first.artifact
    given = artifact.preprocess
    if given is None and ":" in specs[0]:
        given = preprocess_of(ModelSpec(specs[0], options.weights))
    own = {"preprocess": given, **told_by(first.folder, artifact)}
    task = open_task(task_spec(options, options.data, seed=options.seed, weights_given=True, **own))
    check_unseen(task, "test")
    for spec in specs:
        check_not_learned(task, "test", split_runtime(spec)[0])
    fit_to(task, artifact.inputs)
    check_finite(task, "test")
    return task


def _study(subjects: Sequence[Subject], task: Task | None, where: Environment, options: Measure, threads: int) -> Study:
    """The measurement's study before anything is known."""
    from thimble.data import UNDECIDED, task_info

    return Study(
        name="measure",
        model=", ".join(subject.name for subject in subjects),
        task=task_info(options.data or "", task) if task else UNLABELLED,
        environment=where,
        threads=threads,
        seed=options.seed,
        limits=Limits(),
        candidates=tuple(map(as_given, subjects)),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        opened=task is None or task.metric != UNDECIDED,
        device=options.on,
        thimble=version(),
    )


def _warned(study: Study, remarks: Sequence[str]) -> Study:
    """The study with what must be said of the models, and of numbers too small for full speed, in its closing run."""
    from thimble.measure.conditions import subnormal_warnings

    joint = study.run(study.joint_run or "")
    subnormal = subnormal_warnings({candidate.name: candidate.probes.get("subnormals", {}) for candidate in study.candidates})
    told = replace(joint, warnings=(*(Advice("training-mode", line) for line in remarks), *joint.warnings, *subnormal))
    return replace(study, runs=tuple(told if run is joint else run for run in study.runs))


def _write(study: Study, folder: Path) -> None:
    """``study.json``, and ``sustained.png`` where there are runs without a pause and matplotlib is installed."""
    from thimble.report._sustained_plot import plot_sustained

    sustained = [run for run in study.runs if run.id != study.joint_run]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_study(study, folder)
        if sustained and importlib.util.find_spec("matplotlib"):
            plot_sustained(sustained, folder / "sustained.png")
    except OSError as error:
        raise NotWritten(f"can't write {folder}: {error.strerror}", study) from error
    except CannotWrite as error:
        raise NotWritten(str(error), study) from error
