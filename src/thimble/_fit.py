"""Fit a model under limits: try what applies, choose on validation data, confirm on test data, and say why."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from thimble._lab import available_cores
from thimble._matching import matched, trainable
from thimble._options import check, check_against
from thimble.base.errors import LimitsNotMet
from thimble.base.study import Limits

if TYPE_CHECKING:
    from thimble.base.study import Study
    from thimble.store import Store
    from thimble.work import Listen, Plan, Work

CLOSING = 0.25
"""Share of the time budget that is kept for the closing joint run and the test split."""


@dataclass(frozen=True)
class Fit:
    """What is asked of `fit`; its fields are the options of ``thimble fit`` and the keys of ``study.toml``.

    ``budget`` is in seconds, ``None`` is no limit. ``shapes`` are input shapes by name where a file leaves them open.
    """

    model: str
    data: str
    limits: Limits = field(default_factory=Limits)
    weights: str | None = None
    student: str | None = None
    budget: float | None = None
    threads: int | None = None
    seed: int = 0
    size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    shapes: Mapping[str, tuple[int, ...]] | None = None


def fit(options: Fit, out: Path | str = "runs/fit", listen: Listen | None = None, store: Store | None = None) -> Study:
    """Try what applies under the limits, best prospects first, and leave the study, its artifacts and reports in ``out``.

    One candidate is chosen on the validation split and confirmed on the test split, which is opened once. The study
    is on disk at every moment; `KeyboardInterrupt` passes through after the reports are written. Raises `BadInput`
    before anything long begins, and what `thimble.workflow.carry_out` raises. Whether the limits are met is in
    ``summarize(study).met``.
    """
    from thimble._config import write_config
    from thimble.workflow import working

    begun = time.monotonic()
    deadline = None if options.budget is None else begun + options.budget * (1 - CLOSING)
    with working(plan(options), Path(out), listen or (lambda event: None), store) as work:
        write_config(options, Path(out))
        work.open()
        _try_all(work, deadline)
        _close(work)
    return work.study


def plan(options: Fit) -> Plan:
    """The fit as a plan. Raises `BadInput` for what can't be, before anything long begins."""
    from thimble.base.model import TORCH
    from thimble.catalog.models import source_name
    from thimble.catalog.prospects import Situation, prospects
    from thimble.measure.latency import Sampling
    from thimble.work import Plan

    check(options)
    found = matched(options, options.data)
    check_against(options, found.task)
    situation = Situation("onnx" if source_name(options.model) == "onnx" else TORCH, trainable(found.task), options.student)
    return Plan(
        name="fit",
        model=found.model,
        task=found.spec,
        recipes=prospects(situation),
        limits=options.limits,
        seed=options.seed,
        threads=options.threads or available_cores(),
        sampling=Sampling(rounds=30, seed=options.seed),
        test_all=False,
        settings={"budget_s": options.budget, "student": options.student, "weights": options.weights},
    )


def confirmed(study: Study) -> None:
    """Raise `LimitsNotMet` with the nearest candidate unless the study's choice is proven to meet its limits."""
    from thimble.recommend.summarize import summarize

    summary = summarize(study)
    if not summary.met:
        raise LimitsNotMet(summary.recommendation)


def _try_all(work: Work, deadline: float | None) -> None:
    """Build, score and time the candidates one by one, while there is time; drop those that can't meet the limits."""
    from thimble.measure.latency import Sampling
    from thimble.recommend.choose import choose
    from thimble.recommend.search import hopeless

    look = Sampling(rounds=8, seed=work.plan.seed)
    for recipe in work.plan.recipes:
        name = recipe.name
        with work.part(0.8 / len(work.plan.recipes)):
            if deadline is not None and time.monotonic() > deadline and name != work.first:
                work.change(name, reason="the time budget was used up before its turn")
                continue
            if not work.build(recipe, None if name == work.first else deadline):
                continue
            if (reason := hopeless(work.study, name)) and name != work.first:
                work.drop(name, "dropped", reason)
                continue
            work.observe(name)
            if (reason := hopeless(work.study, name)) and name != work.first:
                work.drop(name, "dropped", reason)
            elif name in work.ready and name != work.first:
                work.measure([work.first, name], look, joint=False)
            work.study = replace(work.study, chosen=choose(work.study))
            work.save()


def _close(work: Work) -> None:
    """Measure the best ones together, choose, and open the test split for the baseline and the chosen one."""
    from thimble.recommend.choose import choose
    from thimble.recommend.search import shortlist

    with work.part(0.15):
        work.measure(shortlist(work.study), work.plan.sampling, joint=True)
    work.study = replace(work.study, chosen=choose(work.study))
    with work.part(0.05):
        chosen = work.study.chosen
        work.test([work.first, *([chosen] if chosen and chosen != work.first else [])])
    work.study = replace(work.study, complete=True)
