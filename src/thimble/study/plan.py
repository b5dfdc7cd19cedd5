"""A study before it is carried out, and the one way to carry it out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from thimble.core.distribution import version
from thimble.core.recipe import Recipe
from thimble.core.step import Step
from thimble.core.study import Candidate, Environment, Limits, Study
from thimble.core.task import ModelSpec, Task, TaskSpec
from thimble.core.verdict import Status
from thimble.data import open_task, task_info
from thimble.engine import LOCAL, site
from thimble.engine.bench import Bench, Feeds
from thimble.engine.keys import Source, packages
from thimble.engine.store import Store
from thimble.models import fingerprint
from thimble.search.actions import Policy
from thimble.search.lab import LabPolicy
from thimble.search.recipes import candidate_of
from thimble.study.folder import Folder, report_files
from thimble.study.ownership import Claim, claim
from thimble.study.question import Question
from thimble.study.run import Clock, run
from thimble.study.telling import Listen


@dataclass(frozen=True)
class Plan:
    """A study before it is carried out: a model, data, recipes, and the policy that decides what is done with them.

    ``prefix`` are the steps that train the source where its weights aren't given; ``device`` is where artifacts are measured and scored,
    ``engine`` where the work is done.
    ``reasons`` says by a recipe's name why it is not tried; ``runtimes`` are those that may be chosen (none: any).
    """

    name: str
    model: ModelSpec
    task: TaskSpec
    recipes: tuple[Recipe, ...]
    policy: Policy = field(default_factory=LabPolicy)
    prefix: tuple[Step, ...] = ()
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    threads: int = 1
    device: str = "local"
    engine: str = LOCAL
    settings: dict[str, Any] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    runtimes: tuple[str, ...] = ()


def carry_out(
    plan: Plan,
    folder: Path | str,
    listen: Listen = lambda event: None,
    store: Store | None = None,
    clock: Clock | None = None,
    begin: Callable[[Claim], object] = lambda claim: None,
) -> Study:
    """Do the plan's work and leave ``study.json``, the artifacts and the reports in ``folder``; gives the study.

    ``clock`` runs already where there is a time budget. ``begin`` is called when the folder is taken for this question.

    A candidate that fails is recorded with its reason. Raises what makes the whole impossible: data or a model that can't be
    used, a baseline that can't be built, a folder that can't be written or is another study's (`claim`). `KeyboardInterrupt` passes
    through after the study and its reports are written: a second start goes on where this one ended.
    """
    clock = clock or Clock()
    place, task = site(plan.engine), open_task(plan.task)
    where = place.describe(packages(), plan.device)
    study = blank_study(plan, task, where)
    source = source_of(plan, study)
    with claim(folder, Question.of(study, source.fingerprint), report_files()) as mine:
        begin(mine)
        study = going_on(study, mine.before) if mine.before else study
        kept = Folder(mine)
        engine = place.start(Bench(mine.folder, store or Store(), where, Feeds(task, plan.task.spec), source, plan.device))
        try:
            run(study, plan.policy, engine, kept, clock, listen)
        finally:
            engine.close()
            study = kept.finish(study)
    return study


def blank_study(plan: Plan, task: Task, where: Environment) -> Study:
    """The plan's study before anything is known."""
    return Study(
        name=plan.name,
        model=plan.model.spec,
        task=task_info(plan.task.spec, task),
        environment=where,
        threads=plan.threads,
        device=plan.device,
        seed=plan.seed,
        limits=plan.limits,
        candidates=tuple(replace(candidate_of(recipe), reason=plan.reasons.get(recipe.name, "")) for recipe in plan.recipes),
        settings=plan.settings,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        thimble=version(),
        runtimes=plan.runtimes,
    )


def going_on(study: Study, before: Study) -> Study:
    """Return the study with the candidates that an earlier start's search had made, to be had again before anything new is tried.

    Where that one had ended, and there is no more time now than it had, nothing new is. What it had no time for is as good as not made.
    """
    allowed, had = (one.settings.get("budget_s") or math.inf for one in (study, before))
    ended = before.ended if before.complete and allowed <= had else ""
    place = {candidate.name: i for i, candidate in enumerate(before.candidates)}
    found = list(study.candidates)
    for candidate in before.candidates:
        late = candidate.status == Status.NOT_TRIED
        if candidate.origin is None or candidate.name in {one.name for one in found} or (late and not ended):
            continue
        again = Candidate(candidate.name, candidate.recipe, candidate.runtime, candidate.title, candidate.options, origin=candidate.origin)
        ahead = [i for i, one in enumerate(found) if place.get(one.name, len(place)) < place[candidate.name]]
        found.insert(max(ahead, default=0) + 1, candidate if late else again)
    return replace(study, candidates=tuple(found), ended=ended)


def source_of(plan: Plan, study: Study) -> Source:
    """Where the plan's work begins. The test split is not among the data that its steps may use."""
    how = repr(study.task.preprocess)
    facts = {name: f"{info.fingerprint} {how}" for name, info in study.task.splits.items() if name != "test"}
    features = study.environment.features
    return Source(plan.model, plan.task, fingerprint(plan.model), facts, features, plan.prefix, plan.seed, plan.threads)
