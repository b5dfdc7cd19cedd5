"""The lab: one command takes a network from its FP32 baseline through every technique, and shows what each one cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.api.options import check
from thimble.api.request import Lab
from thimble.core.errors import BadInput
from thimble.core.pythons import installed
from thimble.core.study import Limits
from thimble.core.task import ModelSpec, TaskSpec, one_sample
from thimble.devices import LOCAL

if TYPE_CHECKING:
    from thimble.core.recipe import Recipe
    from thimble.core.study import Study
    from thimble.engine.store import Store
    from thimble.search.routes import Route
    from thimble.study.plan import Plan
    from thimble.study.telling import Listen


def lab(options: Lab | None = None, out: Path | str = "runs/lab", listen: Listen | None = None, store: Store | None = None) -> Study:
    """Carry out the lab and leave its results in ``out``; see `thimble.study.plan.carry_out` for what it raises."""
    from thimble.study.plan import carry_out

    return carry_out(plan(options or Lab()), out, listen or (lambda event: None), store)


def plan(options: Lab) -> Plan:
    """The lab as a plan. Raises `BadInput` for options that can't be, before anything long begins."""
    from thimble.core.recipe import recipe
    from thimble.core.sampling import Sampling
    from thimble.data import open_task
    from thimble.engine import site
    from thimble.models import preprocess_of, source_name
    from thimble.search.lab import LabPolicy
    from thimble.search.named import lab_recipes
    from thimble.steps.compress.train import Train
    from thimble.study.plan import Plan

    check(options)
    if source_name(options.model) == "onnx":
        raise BadInput(f"--model {options.model} is an ONNX file, which can't be trained or pruned: give the network, or use thimble fit")
    threads = options.threads or site(options.engine).cores(LOCAL)
    size = options.image_size or (None if options.weights == "imagenet" else 64)
    recipes = lab_recipes(options.only or (["baseline"] if options.recipes else ()), options.quick, options.opset)
    recipes += tuple(recipe(name, text) for name, text in options.recipes.items())
    more = _elsewhere(recipes) if options.all_runtimes else ()
    model = ModelSpec(options.model, options.weights, size=size, seed=options.seed)
    given = preprocess_of(model)
    task = TaskSpec(options.data, size, options.mean, options.std, options.seed, options.weights is not None, given)
    opened = open_task(task)
    sample = one_sample(opened)
    model = replace(
        model,
        classes=None if options.weights else len(opened.labels),
        shapes={name: array.shape for name, array in sample.items()},
        dtypes={name: str(array.dtype) for name, array in sample.items()},
    )
    prefix = () if options.weights else (Train(2 if options.quick else 5),)
    return Plan(
        name="lab",
        model=model,
        task=task,
        recipes=(*recipes, *(route.recipe for route in more)),
        reasons={route.recipe.name: route.missing for route in more},
        policy=LabPolicy(Sampling(rounds=15 if options.quick else 20, seed=options.seed), prefix),
        prefix=prefix,
        limits=Limits(max_drop=options.max_drop),
        seed=options.seed,
        threads=threads,
        engine=options.engine,
        settings={"quick": options.quick, "image_size": size, "opset": options.opset, "weights": options.weights},
    )


def _elsewhere(recipes: tuple[Recipe, ...]) -> tuple[Route, ...]:
    """Every runtime in every precision, as far as the lab's own candidates don't hold it already; what can't be tried has its reason."""
    from thimble.core.model import TORCH
    from thimble.search.routes import routes

    there, names = {(one.text, one.runtime) for one in recipes}, {one.name for one in recipes}
    splits = ("train", "calibration", "validation")
    found = routes(TORCH, "pytorch", installed, (), splits)
    new = [route for route in found[1:] if (route.recipe.text, route.recipe.runtime) not in there]
    return tuple(_named_apart(route, names) for route in new)


def _named_apart(route: Route, names: set[str]) -> Route:
    """The route under a name that no other candidate has."""
    name = route.recipe.name
    return replace(route, recipe=replace(route.recipe, name=f"{name}-default")) if name in names else route
