"""Measure some artifacts together, outside any study's plan: what ``thimble measure`` and ``thimble compare`` do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.api.options import check
from thimble.api.request import Compare, Measure
from thimble.api.resolve import READING
from thimble.api.subjects import Opening, judged_by, made_inputs, open_subjects, split_runtime
from thimble.core.distribution import version
from thimble.core.errors import BadInput, CannotWrite, NotWritten, RuntimeFailed, ThimbleError
from thimble.core.paths import check_writable, user_path
from thimble.core.registry import METRICS, PROBES, RUNTIMES
from thimble.core.step import Progress, silent
from thimble.core.study import Advice, Candidate, Limits, Run, Study, TaskInfo, read_study, write_study
from thimble.core.subject import Subject
from thimble.core.task import Arrays, ModelSpec, Task, TaskSpec
from thimble.core.temporary import temporary_folder
from thimble.decide.compare import Verdict, compare_saved

if TYPE_CHECKING:
    from thimble.core.study import Environment
    from thimble.devices.process import Worker

NOISES = 8
"""Inputs of noise on which outputs are compared where there are no data."""

UNLABELLED = TaskInfo("", "", "agreement", "%", True, (), {})
"""What a measurement without data says of its task."""


def measure(artifacts: Sequence[str], options: Measure | None = None, progress: Progress = silent) -> Study:
    """Measure artifacts together in one interleaved run, the first one the baseline; sizes, cold starts and quality too.

    ``artifacts`` are folders, ``.onnx`` or ``.pt2`` files, or models such as ``torchvision:resnet18``; ``@RUNTIME``
    behind one says what opens it. Measures always: nothing is taken from an earlier measurement. A member that fails
    is a candidate with its reason; raises what makes the whole impossible. Whether ``out`` can be written is tried first; where it
    can't be any more at the end, `NotWritten` holds the study.
    """
    from thimble.devices import reserve

    options = options or Measure()
    if not artifacts:
        raise BadInput("nothing to measure: give at least one artifact")
    check(options)
    if options.out:
        check_writable(Path(options.out))
    for name in options.probes:
        PROBES.get(name)
    with temporary_folder() as folder:
        opened = _Measurement(artifacts, options, folder, progress)
        with reserve():  # not while files of strangers are opened, which may take their time
            return opened.carried_out()


def compare(first: str, second: str, options: Compare | None = None, progress: Progress = silent) -> Verdict:
    """The verdict on two artifacts, measured together now; or on two saved measurements, where those may be compared.

    A saved measurement is a folder with ``study.json``, or that file, and ``:NAME`` of a candidate in it. Raises
    `BadInput` with the reason where two of them can't be compared, or one is saved and the other is not.
    """
    saved = [saved_measurement(text) for text in (first, second)]
    if saved[0] is not None and saved[1] is not None:
        return compare_saved(saved[0], saved[1])
    if any(saved):
        raise BadInput("one of the two is a saved measurement and the other an artifact: give two of a kind")
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


class _Measurement:
    """One measurement while it is carried out."""

    def __init__(self, artifacts: Sequence[str], options: Measure, folder: Path, progress: Progress) -> None:
        from thimble.devices import environment_of
        from thimble.devices.processor import available_cores

        self.options, self.folder, self.progress = options, folder, progress
        self.begun, self.started = time.monotonic(), datetime.now(UTC)
        self.threads = options.threads or len(available_cores())
        self.remarks: list[str] = []
        opening = Opening(options.runtime, self.threads, options.weights, options.shapes, options.size, options.seed)
        opening = replace(opening, remark=self.remarks.append, values=options.values)
        opening = replace(opening, states=options.states, batch_axes=options.batch_axes)
        progress(0.0, "opening")
        self.subjects = open_subjects(artifacts, opening, folder)
        self.task = self._task(artifacts)
        self.inputs = self._inputs()
        self.environment: Environment = environment_of({RUNTIMES.get(subject.runtime).distribution for subject in self.subjects})

    def carried_out(self) -> Study:
        """Everything, in order: each artifact alone, then all together, then each without a pause."""
        from thimble.measure.conditions import subnormal_warnings
        from thimble.measure.latency import measure_latency

        n = len(self.subjects)
        candidates = {}
        for i, subject in enumerate(self.subjects):
            self.progress(0.05 + 0.35 * i / n, f"{subject.name}: starting it, looking at it")
            candidates[subject.name] = self._alone(subject, first=i == 0)
        alive = [subject for subject in self.subjects if candidates[subject.name].ok]
        sampling = replace(self.options.sampling, batch=self.options.batch, seed=self.options.seed, reopen=True)
        joint = measure_latency(alive, self.inputs, sampling, lambda done, words: self.progress(0.4 + 0.4 * done, words))
        for advice in joint.warnings:
            if advice.code == "member-failed" and advice.member:
                candidates[advice.member] = replace(candidates[advice.member], status="failed", reason=advice.text)
        runs = (joint, *self._sustained([subject for subject in alive if candidates[subject.name].ok]))
        subnormal = subnormal_warnings({name: candidate.probes.get("subnormals", {}) for name, candidate in candidates.items()})
        remarks = (Advice("training-mode", line) for line in self.remarks)
        joint = replace(joint, warnings=(*remarks, *joint.warnings, *subnormal))
        study = self._study(tuple(candidates.values()), (joint, *runs[1:]))
        if self.options.out:
            _write(study, runs[1:], Path(self.options.out))
        return study

    def _task(self, specs: Sequence[str]) -> Task | None:
        """The data as the first artifact wants them: by its own preprocessing, else at its input's size."""
        from thimble.data import check_finite, fit_to, open_task
        from thimble.measure.quality import check_not_learned, check_unseen
        from thimble.models import preprocess_of

        options, artifact = self.options, self.subjects[0].artifact
        if options.data is None:
            return None
        given = artifact.preprocess
        if given is None and ":" in specs[0]:
            given = preprocess_of(ModelSpec(specs[0], options.weights))
        asked = TaskSpec(options.data, options.size, options.mean, options.std, options.seed, True, given, takes=artifact.inputs)
        task = open_task(replace(asked, **{name: getattr(options, name) for name in READING}))
        check_unseen(task, "test")
        for spec in specs:
            check_not_learned(task, "test", split_runtime(spec)[0])
        fit_to(task, artifact.inputs)
        check_finite(task, "test")
        return task

    def _inputs(self) -> Arrays:
        """The first samples of the test split, or noise."""
        batch = self.options.batch
        if self.task is None:
            return made_inputs(self.subjects[0].artifact, batch, self.options.shapes, self.options.seed)
        return next(iter(self.task.split("test").batches(batch))).inputs

    def _alone(self, subject: Subject, first: bool) -> Candidate:
        """Size, cold start, quality and probes of one artifact."""
        from thimble.measure.size import measure_size

        made = Candidate(subject.name, "as given", subject.runtime, artifact=subject.artifact, folder=str(subject.folder), status="ok")
        try:
            made = replace(made, size=measure_size(subject.folder, subject.artifact))
            return replace(made, **self._observed(subject, first))
        except ThimbleError as error:
            if first or not isinstance(error, RuntimeFailed):
                raise
            return replace(made, status="failed", reason=str(error))

    def _observed(self, subject: Subject, first: bool) -> dict[str, Any]:
        from thimble.devices import start
        from thimble.measure.cold import cold_of
        from thimble.measure.quality import quality_of
        from thimble.measure.throughput import measure_throughput

        found: dict[str, Any] = {"quality": {}}
        kept, alike = self.folder / "outputs", {}
        with start(subject) as worker:
            found["cold"] = cold_of(worker, self.inputs)
            if self.task is not None:
                if first:
                    self.task = judged_by(worker, self.task, self.inputs)
                metric = METRICS.get(self.task.metric)()
                against, keep = (None, kept) if first else (kept, None)
                found["quality"]["test"] = quality_of(worker, self.task.split("test"), "test", metric, against, keep)
            else:
                alike = self._on_noise(worker, first)
        if self.options.throughput:
            found["throughput"] = measure_throughput(subject, self.inputs)
        quick = [name for name, probe in PROBES.all().items() if not probe.slow]
        found["probes"] = {name: PROBES.get(name)().observe(subject, self.inputs) for name in sorted({*quick, *self.options.probes})}
        found["operators_ms"] = found["probes"].pop("operators", {}).get("ms", {})
        found["probes"] |= alike
        return found

    def _on_noise(self, worker: Worker, first: bool) -> dict[str, Any]:
        """Without data: how alike the baseline's outputs and this artifact's are on a few inputs of noise."""
        from thimble.measure.metrics._outputs import primary
        from thimble.measure.outputs import likeness

        options, made = self.options, self.subjects[0].artifact
        seeds = range(options.seed, options.seed + NOISES)
        outputs = [primary(worker.run(made_inputs(made, options.batch, options.shapes, seed))) for seed in seeds]
        if first:
            self.first_outputs = outputs
            return {}
        return {"on_noise": likeness(outputs, self.first_outputs)}

    def _sustained(self, subjects: list[Subject]) -> list[Run]:
        from thimble.measure.sustained import measure_sustained

        if not self.options.sustained:
            return []
        share = 0.2 / max(1, len(subjects))
        return [
            measure_sustained(
                subject,
                self.inputs,
                self.options.sustained,
                lambda done, words, i=i: self.progress(0.8 + share * (i + done), words),  # type: ignore[misc]
            )
            for i, subject in enumerate(subjects)
        ]

    def _study(self, candidates: tuple[Candidate, ...], runs: tuple[Run, ...]) -> Study:

        from thimble.data import task_info

        return Study(
            name="measure",
            model=", ".join(candidate.name for candidate in candidates),
            task=task_info(self.options.data or "", self.task) if self.task else UNLABELLED,
            environment=self.environment,
            threads=self.threads,
            seed=self.options.seed,
            limits=Limits(),
            candidates=candidates,
            runs=runs,
            joint_run=runs[0].id,
            started=self.started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self.begun, 1),
            complete=True,
            thimble=version(),
        )


def _write(study: Study, sustained: Sequence[Run], folder: Path) -> None:
    """``study.json``, and ``sustained.png`` where there are runs without a pause. Raises `NotWritten`, which holds the study."""
    from thimble.report._sustained_plot import plot_sustained

    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_study(study, folder)
        if sustained:
            plot_sustained(sustained, folder / "sustained.png")
    except OSError as error:
        raise NotWritten(f"can't write {folder}: {error.strerror}", study) from error
    except CannotWrite as error:
        raise NotWritten(str(error), study) from error
