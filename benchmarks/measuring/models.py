"""Real artifacts for the measuring benchmarks: the lab's recipes on ResNet-18 with random weights, built once and kept."""

from __future__ import annotations

from collections.abc import Sequence

from thimble.core.processor import features
from thimble.core.subject import Subject
from thimble.core.task import Arrays, ModelSpec, TaskSpec
from thimble.data import open_task, split_info
from thimble.engine.build import Builder
from thimble.engine.keys import Source
from thimble.engine.process import StepsProcess
from thimble.engine.store import Store
from thimble.formats import describe
from thimble.models import fingerprint
from thimble.search.named import lab_recipes


def subjects(names: Sequence[str], threads: int = 1, size: int = 64) -> tuple[dict[str, Subject], Arrays]:
    """The lab's candidates of these names, untrained, and one real input for them."""
    task_spec = TaskSpec("digits", size)
    task = open_task(task_spec)
    facts = {name: info.fingerprint for name, info in split_info(task).items() if name != "test"}
    model = ModelSpec("torchvision:resnet18", None, 10, size=size)
    found = {}
    with StepsProcess() as process:
        builder = Builder(Store(), process, Source(model, task_spec, fingerprint(model), facts, features(), threads=2))
        for recipe in lab_recipes(names):
            if recipe.name in names:
                built = builder.build(recipe)
                artifact = describe(built.model, None, ())
                found[recipe.name] = Subject(recipe.name, built.model.folder, artifact, recipe.runtime, threads, dict(recipe.options))
    return found, next(iter(task.split("calibration").batches(1))).inputs
