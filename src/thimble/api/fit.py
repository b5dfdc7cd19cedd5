"""Fit a model under limits: try what applies, choose on validation data, confirm on test data, and say why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.api.installing import with_runtimes
from thimble.api.options import check, check_against, check_runtimes
from thimble.api.request import Fit
from thimble.api.resolve import matched, trainable
from thimble.core.errors import LimitsNotMet, OutOfTime
from thimble.core.patience import within
from thimble.core.pythons import naming
from thimble.core.verdict import Proof
from thimble.devices import LOCAL

if TYPE_CHECKING:
    from thimble.core.study import Study
    from thimble.engine.store import Store
    from thimble.search.candidates import Situation
    from thimble.study.ownership import Claim
    from thimble.study.plan import Plan
    from thimble.study.telling import Listen


def fit(options: Fit, out: Path | str = "runs/fit", listen: Listen | None = None, store: Store | None = None) -> Study:
    """Try what applies under the limits, best prospects first, and leave the study, its artifacts and reports in ``out``.

    One candidate is chosen on the validation split and confirmed on the test split, which is opened once. The study
    is on disk at every moment; `KeyboardInterrupt` passes through after the reports are written. Raises `BadInput`
    before anything long begins, and what `thimble.study.plan.carry_out` raises. Whether the limits are met is in
    ``summarize(study).met``.
    """
    from thimble.api.config import NAME, write_config
    from thimble.models import check_name
    from thimble.study.plan import carry_out
    from thimble.study.run import Clock
    from thimble.study.telling import Event

    def begin(mine: Claim) -> None:
        if mine.ours(NAME):  # a user's own stays
            mine.wrote(NAME)
            write_config(options, mine.folder)

    clock, tell = Clock(options.budget), listen or (lambda event: None)
    try:
        with within(options.budget), naming(options.python):
            there = with_runtimes(options, options.runtimes or ("onnxruntime",), lambda words: tell(Event(0.0, words)))
            return carry_out(plan(there), out, tell, store, clock, begin)
    except OutOfTime as error:
        check_name(options.model)  # a name is looked up by a large library, which may have had no time to be imported
        raise OutOfTime(f"the time budget of {options.budget:g} s was used up before the baseline was ready; allow more") from error


def plan(options: Fit) -> Plan:
    """The fit as a plan. Raises `BadInput` for what can't be, before anything long begins."""
    from thimble.api.subjects import checked_runtime
    from thimble.core.model import TORCH
    from thimble.data import present_splits
    from thimble.engine import site
    from thimble.models import entry_format, traits_of
    from thimble.search.allowed import trials
    from thimble.search.candidates import Situation
    from thimble.search.fit import FitPolicy
    from thimble.study.plan import Plan

    check(options)
    check_runtimes(options.runtimes)
    found = matched(options, options.data)
    check_against(options, found.task)
    format = entry_format(options.model)
    own = None if format in (TORCH, "onnx") else checked_runtime(format, None, options.model)
    samples = len(found.task.split("train")) if trainable(found.task) else 0
    situation = Situation(format, samples, found.task.metric, options.student, own, traits_of(found.model), options.limits.minimize)
    if options.on != LOCAL:
        situation = _there(situation, options)
    runtimes = _may_be(options)
    tried = trials(replace(situation, only=frozenset(runtimes)), tuple(present_splits(found.task)))
    return Plan(
        name="fit",
        model=found.model,
        task=found.spec,
        recipes=tried.recipes,
        reasons=tried.reasons,
        runtimes=runtimes,
        policy=FitPolicy(options.student),
        limits=options.limits,
        seed=options.seed,
        threads=options.threads or site(options.engine).cores(options.on),
        device=options.on,
        engine=options.engine,
        settings={"budget_s": options.budget, "student": options.student, "weights": options.weights}
        | ({"runtimes": sorted(runtimes)} if runtimes else {}),
    )


def _may_be(options: Fit) -> tuple[str, ...]:
    """The runtimes that may be chosen: those that are named; a limit on flash or RAM means a microcontroller. None: any."""
    limits = options.limits
    micro = ("tflite_micro",) if limits.max_flash is not None or limits.max_ram is not None else ()
    return tuple(dict.fromkeys(options.runtimes)) or micro


def _there(situation: Situation, options: Fit) -> Situation:
    """What decides on another device: its runtimes and its processor. Raises `BadInput` where nothing there could run the model."""
    from thimble.core.registry import RUNTIMES
    from thimble.engine import site

    where = site(options.engine).describe({cls.distribution for cls in RUNTIMES.all().values()}, options.on)
    runtimes = frozenset(name for name, cls in RUNTIMES.all().items() if cls.distribution in where.versions)
    return replace(situation, runtimes=runtimes, bfloat16=bool({"avx512_bf16", "amx_bf16"} & set(where.features)))


def confirmed(study: Study) -> None:
    """Raise `LimitsNotMet` unless the study's choice is proven to meet its limits: what fails, by how much, and the nearest."""
    from thimble.decide.limits import nearest
    from thimble.decide.summarize import summarize

    summary = summarize(study)
    if summary.met:
        return
    fails = any(Proof.BROKEN in row.limits.values() for row in summary.rows if row.name == summary.chosen)
    near = "; ".join(f"{name}: {why}" for name, why in nearest(study) if name != summary.chosen) if fails or summary.chosen is None else ""
    raise LimitsNotMet(summary.recommendation + (f" Next: {near}." if near else ""))
