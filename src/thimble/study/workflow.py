"""The order of the work: source, candidates, measurements, choice, test, reports; failures recorded, nothing done twice.

The study is written after every candidate and every measurement, so that whatever ends the work, what is known is
on disk; a second start takes finished work from the store.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from thimble.core.recipe import Recipe
from thimble.core.registry import REPORTS
from thimble.core.step import Step
from thimble.core.study import Study
from thimble.core.summary import Summary
from thimble.decide.choose import choose
from thimble.decide.summarize import summarize
from thimble.engine.process import StepsProcess
from thimble.engine.store import Store
from thimble.study.examining import explain
from thimble.study.work import Event, Listen, Plan, Work

__all__ = ["Event", "Listen", "Plan", "carry_out", "working", "write_reports"]


def carry_out(plan: Plan, folder: Path, listen: Listen = lambda event: None, store: Store | None = None) -> Study:
    """Do the plan's work and leave ``study.json``, the artifacts and the reports in ``folder``; gives the study.

    A candidate that fails is recorded with its reason. Raises what makes the whole impossible: data or a model that
    can't be used, a baseline that can't be built, a folder that can't be written. `KeyboardInterrupt` passes through
    after the study and its reports are written.
    """
    with working(plan, folder, listen, store) as work:
        work.open()
        total = sum(_cost(recipe, plan.prefix) for recipe in plan.recipes)
        for recipe in plan.recipes:
            with work.part(0.55 * _cost(recipe, plan.prefix) / total):
                work.build(recipe)
        splits = ("validation", "test") if plan.test_all else ("validation",)
        for name in (names := work.ready):
            with work.part(0.2 / len(names)):
                work.observe(name, splits)
        with work.part(0.2):
            work.measure(work.ready, plan.sampling, joint=True)
        work.study = replace(work.study, chosen=choose(work.study))
        with work.part(0.05):
            work.test(work.ready if plan.test_all else [n for n in work.ready if n in (work.first, work.study.chosen)])
        with work.part(0.0):
            explain(work, work.ready)
        work.study = replace(work.study, complete=True)
    return work.study


@contextmanager
def working(plan: Plan, folder: Path, listen: Listen, store: Store | None = None) -> Iterator[Work]:
    """A study's work with its steps' process; at the end, whichever it is, the study and its reports are written."""
    with StepsProcess() as process:
        work = Work(plan, folder, listen, store or Store(), process)
        try:
            yield work
        finally:
            work.observing.close()
            known = any(candidate.status != "not tried" for candidate in work.study.candidates)
            if known and (work.finish() or not _reported(folder)):
                write_reports(work.study, folder)


def _reported(folder: Path) -> bool:
    """Whether every report's files are there."""
    return all((folder / name).exists() for report in REPORTS.all().values() for name in getattr(report, "files", ()))


def write_reports(study: Study, folder: Path) -> Summary:
    """Every registered report of the study, into ``folder``; gives the figures they show."""
    summary = summarize(study)
    for report in REPORTS.all().values():
        if hasattr(report, "write"):
            report().write(study, summary, folder)
    return summary


PER_EPOCH = {"train": 9.0, "finetune": 6.0, "distill": 10.0}
"""Rough seconds an epoch of the lab takes: they weigh the progress bar, and nothing else."""


def _cost(recipe: Recipe, prefix: tuple[Step, ...]) -> float:
    steps = (*(prefix if recipe.name == "baseline" else ()), *recipe.steps)
    return 4.0 + sum(PER_EPOCH.get(type(step).__name__.lower(), 0.0) * getattr(step, "epochs", 0) + 3.0 for step in steps)
