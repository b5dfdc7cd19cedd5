"""The one function that every engine calls: a job in, its result out; what was done before comes from the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from thimble.core.head import Shapes
from thimble.core.job import Apply, Built, Examine, Job, Observe, Observed, Open, Opened, Result, Score, Start, Sustain, Time, Weigh
from thimble.core.recipe import Recipe
from thimble.core.registry import METRICS, PROBES
from thimble.core.seen import digests_of, read_seen
from thimble.core.step import Progress
from thimble.core.study import Cold, Quality, Run, Size
from thimble.core.subject import Subject
from thimble.data import NEEDED, check_task, judged, task_info
from thimble.engine import keys
from thimble.engine.bench import Bench
from thimble.engine.build import weigh
from thimble.engine.forecast import Forecast
from thimble.formats import describe, ending_of
from thimble.measure.cold import cold_of
from thimble.measure.evidence import VERSION, Known, evidence_of
from thimble.measure.latency import measure_latency
from thimble.measure.outputs import likeness
from thimble.measure.quality import check_not_learned, scoring
from thimble.measure.sustained import measure_sustained
from thimble.measure.throughput import measure_throughput
from thimble.measure.watch import watched
from thimble.models import check_single, head_of, remarks

T = TypeVar("T")

NOISES, SAMPLES = 8, 16
"""Inputs of noise on which outputs are compared where there are no data, and real samples where there are some."""


def execute(job: Job, bench: Bench, progress: Progress) -> Result:
    """Do a job. Raises what the job can end with, each a `ThimbleError`; interruptions pass through."""
    deadline = None if job.seconds is None else time.monotonic() + job.seconds
    return _DOING[type(job)](job, bench, progress, deadline)


def known(job: Job, bench: Bench) -> bool:
    """Return whether the store holds the result of a job whose inputs exist already."""
    return isinstance(job, Time) and bench.store.value(keys.run_key(job, bench.environment), Run) is not None


def _open(job: Open, bench: Bench, progress: Progress, deadline: float | None) -> Opened:
    """Refuses data that don't fit the model before anything long begins; decides how data without labels are judged."""
    if job.subject:
        return _opened(bench, *_answered(bench, bench.here(job.subject)))
    model = bench.builder.source.model
    given = bench.builder.open_untrained(progress, deadline).model
    check_single(given.inputs, model.spec)
    outputs = given.notes.get("output_shapes", {})
    opened = _opened(bench, outputs, given.notes.get("endings", {}))
    if task := bench.feeds.task:
        check_task(task, head_of(outputs), outputs, NEEDED)
        check_not_learned(task, "test", model.spec)
    if job.student:
        bench.builder.open_student(job.student, len(task.labels) or None if task else None, deadline)
    return replace(opened, remarks=tuple(f"{model.spec} {one}" for one in remarks(given.notes)))


def _opened(bench: Bench, outputs: Shapes, endings: Mapping[str, str]) -> Opened:
    """The data as they are judged by from now on."""
    task = bench.feeds.task
    if task is None or (suited := judged(task, outputs, endings)) is task:
        return Opened()
    bench.feeds = replace(bench.feeds, task=suited)
    return Opened(task=task_info(bench.feeds.spec, suited))


def _answered(bench: Bench, subject: Subject) -> tuple[Shapes, Mapping[str, str]]:
    """The shapes of an artifact's outputs, their batch open, and what the first of them ends in."""
    outputs = bench.pool.fresh(subject).run(bench.feeds.timed())
    shapes = {name: (None, *array.shape[1:]) for name, array in outputs.items()}
    end = ending_of(subject.folder, subject.artifact)
    return shapes, {next(iter(shapes)): end} if end else {}


def _apply(job: Apply, bench: Bench, progress: Progress, deadline: float | None) -> Built:
    forecast = Forecast(deadline)

    def told(done: float, words: str) -> None:
        progress(done, words)
        forecast(done, words)

    built = bench.builder.build(Recipe(job.candidate, job.steps, job.runtime), told, deadline)
    task = bench.feeds.task
    artifact = describe(built.model, task.preprocess if task else None, task.labels if task else ())
    if task is None and bench.feeds.artifact is None:  # the first that is built says what noise looks like
        bench.feeds = replace(bench.feeds, artifact=artifact)
    own = digests_of(task, {*built.splits, "validation"}) if task else frozenset()  # by validation one is chosen
    seen = own | read_seen(bench.builder.source.model.spec)
    return Built(built.model.folder, artifact, built.steps, built.model.notes.get("sensitivity_db", {}), seen)


def _weigh(job: Weigh, bench: Bench, progress: Progress, deadline: float | None) -> Size:
    subject = bench.here(job.subject)
    return _once(bench, keys.size_key(subject.artifact), Size, lambda: weigh(bench.process, subject.folder, subject.artifact))


def _start(job: Start, bench: Bench, progress: Progress, deadline: float | None) -> Cold:
    """Its process stays open for the scores."""
    subject = bench.here(job.subject)
    key = keys.cold_key(subject, bench.environment)

    def start() -> Cold:
        worker = bench.pool.fresh(subject, deadline)
        cold, worker.deadline = cold_of(worker, bench.feeds.timed()), None
        return cold

    return _once(bench, key, Cold, start)


def _score(job: Score, bench: Bench, progress: Progress, deadline: float | None) -> Quality:
    quality = _scored(job, bench, progress, deadline)
    for split in job.ahead:
        _scored(replace(job, split=split, samples=None, stop=None), bench, progress, deadline)
    return quality


def _scored(job: Score, bench: Bench, progress: Progress, deadline: float | None) -> Quality:
    """Scores; the outputs of a subject without a reference are kept for others to be compared with."""
    task, store, where, reference = bench.feeds.task, bench.store, bench.environment, job.reference
    assert task is not None
    samples = bench.feeds.samples(job.split, job.samples)
    seen = (job.split, samples.fingerprint(), task.metric, task.preprocess)
    own = keys.outputs_key(job.subject, seen, where)
    against = keys.outputs_key(reference, seen, where) if reference else None
    outputs = {key: store.outputs(key) for key in (own, against) if key}
    found = store.value(keys.quality_key(own, against), Quality)
    if found is not None and (reference or outputs[own].exists()):
        return found
    if job.stop and (found := store.value(keys.quality_key(own, against, job.stop), Quality)):
        return found
    metric, kept = METRICS.get(task.metric)(), None if reference else outputs[own]
    going = scoring(bench.pool.worker(bench.here(job.subject)), samples, job.split, metric, outputs[against] if against else None, kept)
    quality, whole = watched(going, len(samples), job.stop, deadline, progress)
    store.keep_value(keys.quality_key(own, against, None if whole else job.stop), quality)
    return quality


def _time(job: Time, bench: Bench, progress: Progress, deadline: float | None) -> Run:
    def run() -> Run:
        if job.joint:
            bench.pool.close()
        subjects = [bench.here(subject) for subject in job.subjects]
        return measure_latency(subjects, bench.feeds.timed(), job.sampling, progress, bench.pool.alive())

    return _once(bench, keys.run_key(job, bench.environment), Run, run)


def _sustain(job: Sustain, bench: Bench, progress: Progress, deadline: float | None) -> Run:
    bench.pool.close()
    return measure_sustained(bench.here(job.subject), bench.feeds.timed(), job.duration, progress)


def _observe(job: Observe, bench: Bench, progress: Progress, deadline: float | None) -> Observed:
    subject, inputs = bench.here(job.subject), bench.feeds.timed()
    likened = _likeness(job, bench) if job.likened else {}
    if not (job.throughput or job.probes):  # nothing is timed: what is open stays open, since opening takes longer than comparing
        return Observed(likened, {}, {}, {})
    bench.pool.close()
    throughput = measure_throughput(subject, inputs) if job.throughput else {}
    probes: dict[str, dict[str, Any]] = {name: PROBES.get(name)().observe(subject, inputs) for name in job.probes}
    operators = probes.pop("operators", {}).get("ms", {})
    return Observed({**probes, **likened}, operators, {}, throughput)


def _likeness(job: Observe, bench: Bench) -> dict[str, dict[str, Any]]:
    """How alike the outputs of two artifacts are, on a few real samples, or inputs of noise where there are no data."""
    from thimble.measure.metrics._outputs import primary

    assert job.likened is not None
    ours, theirs = (bench.pool.worker(bench.here(one)) for one in (job.subject, job.likened))
    inputs = bench.feeds.looks(SAMPLES) or [bench.feeds.noise(bench.feeds.seed + i) for i in range(NOISES)]
    found = likeness([primary(ours.run(one)) for one in inputs], [primary(theirs.run(one)) for one in inputs])
    return {"on_samples" if bench.feeds.task else "on_noise": found}


def _examine(job: Examine, bench: Bench, progress: Progress, deadline: float | None) -> Observed:
    subject, original = bench.here(job.subject), bench.here(job.original) if job.original else None
    key = keys.evidence_key(job, VERSION, bench.feeds.task, bench.environment)
    known = Known(bench.feeds.examined(subject), bench.feeds.task, original, rank=job.rank, seconds=job.patience_s)
    return _once(bench, key, Observed, lambda: evidence_of(subject, known))


def _once(bench: Bench, key: str, type: type[T], measure: Callable[[], T]) -> T:
    found = bench.store.value(key, type)
    if found is None:
        found = measure()
        bench.store.keep_value(key, found)
    return found


_DOING: dict[type[Job], Callable[[Any, Bench, Progress, float | None], Result]] = {
    Open: _open,
    Apply: _apply,
    Weigh: _weigh,
    Start: _start,
    Score: _score,
    Time: _time,
    Sustain: _sustain,
    Observe: _observe,
    Examine: _examine,
}
