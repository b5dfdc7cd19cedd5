"""Compare every runtime and precision on one model: built, started, likened to the source, and timed together."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.api.measure import UNLABELLED
from thimble.api.options import check, check_runtimes
from thimble.api.request import CompareRuntimes
from thimble.core.distribution import version
from thimble.core.errors import BadInput, CannotWrite, NotWritten
from thimble.core.paths import check_writable
from thimble.core.pythons import installed
from thimble.core.study import Limits, Study, write_study
from thimble.devices.processor import available_cores

if TYPE_CHECKING:
    from thimble.core.study import Candidate, Environment
    from thimble.core.task import ModelSpec, Task, TaskSpec
    from thimble.engine.store import Store
    from thimble.study.telling import Listen


@dataclass(frozen=True)
class _Given:
    """The model, and the data where there are some."""

    model: ModelSpec
    spec: TaskSpec | None
    task: Task | None


def compare_runtimes(options: CompareRuntimes, listen: Listen | None = None, store: Store | None = None) -> tuple[Study, ...]:
    """Measure a model in every runtime and precision that can be had here; a study for each number of threads.

    The first candidate is the model as given, in the runtime of its own format; every other one is likened to it and measured beside
    it. What isn't installed, or needs data that are absent, is a candidate with its reason. Raises `BadInput` before anything long
    begins, and what makes the whole impossible. Where ``out`` can't be written any more at the end, `NotWritten` holds the studies.
    """
    check(options)
    check_runtimes(options.runtimes)
    if options.out:
        check_writable(Path(options.out))
    given = _given(options)
    every = options.threads or (len(available_cores()),)
    from thimble.study.telling import part_of

    studies = tuple(_study(options, given, count, part_of(listen, i, len(every)), store) for i, count in enumerate(every))
    if options.out:
        try:
            write_comparison(studies, Path(options.out))
        except CannotWrite as error:
            raise NotWritten(str(error), studies) from error
        except OSError as error:
            raise NotWritten(f"can't write {options.out}: {error.strerror}", studies) from error
    return studies


def write_comparison(studies: tuple[Study, ...], folder: Path) -> None:
    """Write ``threads-N/study.json`` for each study, ``runtimes.csv``, and ``runtimes.png`` where matplotlib is installed."""
    from thimble.decide.runtimes import runtime_rows
    from thimble.report._runtimes import plot_runtimes, write_runtimes

    for study in studies:
        place = folder / f"threads-{study.threads}"
        place.mkdir(parents=True, exist_ok=True)
        write_study(study, place)
    rows = runtime_rows(studies)
    write_runtimes(rows, folder / "runtimes.csv")
    if importlib.util.find_spec("matplotlib"):
        plot_runtimes(rows, folder / "runtimes.png")


def _given(options: CompareRuntimes) -> _Given:
    from thimble.api.resolve import matched, model_spec
    from thimble.models import changeable

    changeable(options.model)  # a file that only its own runtime opens is refused
    if options.data is None:
        return _Given(model_spec(options, options.model, weights=options.weights, seed=options.seed, named=True), None, None)
    found = matched(options, options.data)
    return _Given(found.model, found.spec, found.task)


def _study(options: CompareRuntimes, given: _Given, threads: int, listen: Listen, store: Store | None) -> Study:
    """The study for one number of threads, carried out."""
    from thimble.data import split_info
    from thimble.devices import environment_of
    from thimble.engine import engine_at
    from thimble.engine.bench import Bench, Feeds
    from thimble.engine.keys import Source, packages
    from thimble.engine.store import Store as Kept
    from thimble.models import fingerprint
    from thimble.search.compare_runtimes import CompareRuntimesPolicy
    from thimble.study.folder import Unkept
    from thimble.study.run import Clock, run

    where, facts = environment_of(packages()), {}
    if given.task:
        how = repr(given.task.preprocess)
        facts = {name: f"{info.fingerprint} {how}" for name, info in split_info(given.task).items() if name != "test"}
    source = Source(given.model, given.spec, fingerprint(given.model), facts, where.features, seed=options.seed, threads=threads)
    feeds = Feeds(given.task, options.data or "", shapes=options.shapes, seed=options.seed)
    kept = store or Kept()
    policy = CompareRuntimesPolicy(replace(options.sampling, seed=options.seed, reopen=True))
    engine = engine_at(Bench(kept.root, kept, where, feeds, source))
    try:
        return run(_blank(options, given, where, threads), policy, engine, Unkept(), Clock(), listen)
    finally:
        engine.close()


def _blank(options: CompareRuntimes, given: _Given, where: Environment, threads: int) -> Study:
    """The study before anything is known."""
    from thimble.data import task_info

    return Study(
        name="compare-runtimes",
        model=options.model,
        task=task_info(options.data or "", given.task) if given.task else UNLABELLED,
        environment=where,
        threads=threads,
        seed=options.seed,
        limits=Limits(),
        candidates=_candidates(options, given),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        thimble=version(),
    )


def _candidates(options: CompareRuntimes, given: _Given) -> tuple[Candidate, ...]:
    from thimble.core.model import TORCH
    from thimble.data import present_splits
    from thimble.models import changeable
    from thimble.search.compare_runtimes import candidates_of
    from thimble.search.routes import routes

    format = changeable(options.model)
    own = "pytorch" if format == TORCH else "onnxruntime"
    splits = tuple(present_splits(given.task)) if given.task else ()
    found = routes(format, own, installed, options.runtimes, splits)
    if len(found) < 2:
        raise BadInput(f"{options.model} can't be converted to a format that {', '.join(options.runtimes) or 'any runtime'} opens")
    return candidates_of(found)
