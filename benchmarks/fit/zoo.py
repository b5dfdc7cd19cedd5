"""Send many architectures through fit's default recipes, and record what came of each.

::

    python benchmarks/fit/zoo.py                  # go on with what is not recorded yet
    python benchmarks/fit/zoo.py --only resnet18  # these, again
    python benchmarks/fit/zoo.py --brief          # without two of the three ways of static INT8
    python benchmarks/fit/zoo.py --only resnet152 --recipe onnx-fp16  # this recipe again, the others stay
    python benchmarks/fit/zoo.py --table          # write docs/zoo.md's tables from what is recorded

Steps run in the steps' process, artifacts each in a worker of its own, and each recipe has a time limit. Results are kept model by model in
``results/zoo.json``. Recipes that train are left out; the first that prunes is carried out without its fine-tuning.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from zoo_list import MODELS, SPECIAL
from zoo_rounded import rounded_db
from zoo_weights import written

from thimble.core.artifact import write_manifest
from thimble.core.errors import BadInput, MissingExtra, RuntimeFailed, ThimbleError
from thimble.core.processor import features
from thimble.core.recipe import Recipe
from thimble.core.step import step_name
from thimble.core.subject import Subject
from thimble.core.task import ModelSpec, TaskSpec, one_sample
from thimble.data import open_task, split_info
from thimble.engine.build import Builder, Failed
from thimble.engine.keys import Source
from thimble.engine.process import StepsProcess
from thimble.engine.store import Store
from thimble.formats import describe
from thimble.measure.metrics.agreement import Agreement
from thimble.measure.quality import measure_quality
from thimble.models import fingerprint
from thimble.search.candidates import Situation, prospects

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "zoo.json"
TRAINS = {"train", "finetune", "distill"}
LIMIT_S = 1500.0
AGREE_DB = {"onnx": 40.0, "openvino": 40.0, "onnx-fp16": 20.0}
"""What artifacts that compute in float must agree to with the baseline; below, the outcome counts as unexplained.

Deep networks with random weights amplify even the rounding to FP16; where such a file agrees this little, it must be the
rounding alone: the FP32 file with rounded weights has to answer the same, to 60 dB.
"""
ROUNDED_DB = 60.0

BUG = re.compile(
    r"^\w+(Error|Exception): |: \w+(Error|Exception)$|Traceback|^the step's process (was killed|ended)|its process was ended by"
)
"""What a reason looks like that is none: a bare exception, or a process that died."""


@dataclass
class Outcome:
    """What came of one recipe. ``status`` is ``ok``, ``not applicable``, ``failed`` or ``unexplained``."""

    recipe: str
    text: str
    runtime: str
    status: str
    seconds: float
    reason: str = ""
    mb: float | None = None
    sqnr_db: float | None = None
    agreement: float | None = None
    notes: dict[str, Any] = field(default_factory=dict)


SAME = {"onnx-int8-unsigned", "onnx-int8-percentile"}
"""What goes through the same code as ``onnx-int8`` with other types or ranges; ``--brief`` leaves these out."""


def recipes(format: str, brief: bool) -> Iterator[Recipe]:
    """The default recipes that train nothing, and the first that prunes without its fine-tuning."""
    pruned = False
    for recipe in prospects(Situation(format, samples=1000)):
        if brief and recipe.name in SAME:
            continue
        names = [step_name(step) for step in recipe.steps]
        if not TRAINS & set(names):
            yield recipe
        elif "prune_channels" in names and not pruned:
            pruned = True
            yield replace(recipe, steps=tuple(step for step in recipe.steps if step_name(step) not in TRAINS))


def spec_of(name: str, place: Path) -> tuple[ModelSpec, TaskSpec]:
    """The model with its weights, and the data for it."""
    if name in SPECIAL and not SPECIAL[name][0].startswith("torchvision:"):
        model, data = SPECIAL[name]
        text = _quantized_file(place) if model == "quantized.onnx" else f"{HERE / 'zoo_models.py'}:{model}"
        return ModelSpec(text), TaskSpec(f"{HERE / 'zoo_data.py'}:{data}")
    architecture = SPECIAL[name][0].partition(":")[2] if name in SPECIAL else name
    weights = place / "weights.pt"
    size = written(architecture, weights)
    data = SPECIAL[name][1] if name in SPECIAL else f"images{size}"
    return ModelSpec(f"torchvision:{architecture}", str(weights), size=size), TaskSpec(f"{HERE / 'zoo_data.py'}:{data}", size)


def _quantized_file(place: Path) -> str:
    """A convolutional network that another tool has quantized already."""
    target = place / "quantized.onnx"
    subprocess.run([sys.executable, str(HERE / "zoo_quantized.py"), str(target)], check=True)
    return str(target)


def source_of(name: str, place: Path) -> Source:
    """The model as a study's source."""
    model, task_spec = spec_of(name, place)
    task = open_task(task_spec)
    sample = one_sample(task)
    model = replace(
        model, shapes={key: array.shape for key, array in sample.items()}, dtypes={key: str(array.dtype) for key, array in sample.items()}
    )
    facts = {key: info.fingerprint for key, info in split_info(task).items() if key != "test"}
    return Source(model, task_spec, fingerprint(model), facts, features())


def carried_out(name: str, process: StepsProcess, place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Every recipe of one model, or those that were asked for."""
    begun = time.monotonic()
    source = source_of(name, place)
    task = open_task(source.task)
    format = "onnx" if source.model.spec.endswith(".onnx") else "torch"
    outcomes: list[Outcome] = []
    builder = Builder(Store(place / "store"), process, source)
    opened = builder.open_untrained(deadline=time.monotonic() + LIMIT_S)
    for recipe in recipes(format, options.brief):
        if options.recipe and recipe.name not in ("baseline", *options.recipe):
            continue
        outcome = _tried(recipe, builder, task, place)
        print(f"  {outcome.recipe}: {outcome.status} {outcome.sqnr_db} {outcome.reason} ({outcome.seconds} s)", flush=True)
        outcomes.append(outcome)
    return {
        "size": source.model.size,
        "data": task.name,
        "inputs": {spec.name: [str(spec.shape), spec.dtype] for spec in opened.model.inputs},
        "seconds": round(time.monotonic() - begun, 1),
        "recipes": [asdict(outcome) for outcome in outcomes],
    }


def _tried(recipe: Recipe, builder: Builder, task: Any, place: Path) -> Outcome:
    begun = time.monotonic()
    outcome = Outcome(recipe.name, recipe.text, recipe.runtime, "ok", 0.0)
    try:
        built = builder.build(recipe, deadline=begun + LIMIT_S)
        artifact = describe(built.model, None, ())
        folder = place / "artifacts" / recipe.name
        shutil.copytree(built.model.folder, folder)
        write_manifest(artifact, folder)
        outcome.mb = round(artifact.bytes / 1e6, 3)
        outcome.notes = {
            key: value for key, value in built.model.notes.items() if key in ("quantized_operators", "float_operators", "batch")
        }
        subject = Subject(recipe.name, folder, artifact, recipe.runtime, 1, dict(recipe.options))
        reference = place / "outputs"
        baseline = recipe.name == "baseline"
        quality = measure_quality(
            subject, task.split("validation"), "validation", Agreement(), None if baseline else reference, reference if baseline else None
        )
        outcome.sqnr_db = None if quality.sqnr_db is None else round(quality.sqnr_db, 1)
        if quality.agreement:
            outcome.agreement = round(sum(quality.agreement) / len(quality.agreement), 3)
        if recipe.name == "onnx-fp16" and (outcome.sqnr_db or 0) < AGREE_DB[recipe.name]:
            plain = builder.build(replace(recipe, steps=recipe.steps[:-1])).model
            batches = task.split("validation").batches(1)
            outcome.notes["rounded_db"] = round(rounded_db(plain.folder / "model.onnx", folder / artifact.main, batches, plain.inputs), 1)
        shutil.rmtree(folder)
    except Failed as error:
        outcome.status, outcome.reason = error.status, str(error)
        if BUG.search(outcome.reason) or getattr(error.__cause__, "__notes__", ()):
            outcome.status = "unexplained"
    except (RuntimeFailed, MissingExtra, BadInput) as error:
        outcome.status = "unexplained" if BUG.search(str(error)) else "failed"
        outcome.reason = str(error)
    if outcome.status == "ok" and not (outcome.sqnr_db or 0) >= AGREE_DB.get(outcome.recipe, -99) and not _only_rounded(outcome):
        outcome.status, outcome.reason = "unexplained", f"a float artifact agrees to {outcome.sqnr_db} dB only"
    outcome.seconds = round(time.monotonic() - begun, 1)
    return outcome


def _only_rounded(outcome: Outcome) -> bool:
    return bool(outcome.notes.get("rounded_db", 0.0) >= ROUNDED_DB)


def recorded() -> dict[str, Any]:
    """What is recorded so far, by model."""
    return json.loads(RESULTS.read_text())["models"] if RESULTS.exists() else {}


def record(name: str, result: dict[str, Any], partly: bool) -> None:
    """Put one model's outcome beside the others; ``partly`` keeps its other recipes as they are."""
    RESULTS.parent.mkdir(exist_ok=True)
    versions = {
        package: importlib.metadata.version(package) for package in ("torch", "torchvision", "onnx", "onnxruntime", "torch-pruning")
    }
    order = [*SPECIAL, *MODELS]
    with RESULTS.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        old, new = recorded(), {outcome["recipe"]: outcome for outcome in result["recipes"]}
        if partly and name in old:
            result = {**old[name], "recipes": [new.get(outcome["recipe"], outcome) for outcome in old[name]["recipes"]]}
        models = old | {name: {**result, "versions": versions}}
        models = {key: models[key] for key in sorted(models, key=order.index)}
        aside = RESULTS.with_suffix(".new")
        aside.write_text(json.dumps({"models": models}, indent=1) + "\n")
        aside.rename(RESULTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--recipe", nargs="+", default=[], metavar="NAME", help="these recipes only; what is recorded of the others stays")
    parser.add_argument("--brief", action="store_true", help="leave out two of the three ways of static INT8")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        from zoo_table import write

        write(recorded())
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    names = options.only or [name for name in [*SPECIAL, *MODELS] if name not in recorded()]
    with StepsProcess() as process:
        for name in names:
            print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
            with tempfile.TemporaryDirectory(prefix="thimble-zoo-") as place:
                try:
                    result = carried_out(name, process, Path(place), options)
                except ThimbleError as error:
                    result = {"refused": str(error), "recipes": []}
                    print(f"  refused: {error}", flush=True)
            record(name, result, bool(options.recipe))


if __name__ == "__main__":
    main()
