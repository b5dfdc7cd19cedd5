"""Nothing is called done before it was opened: what a step wrote is run once in its format's own runtime.

An exporter's file is compared there with the network that it was made of. It happens in the steps' process, which may crash.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from thimble.core.errors import StepFailed
from thimble.core.model import TORCH, Model, batch_of, channels_first, fed, named_outputs, noise_inputs
from thimble.core.registry import MODELS, RUNTIMES, runs_here
from thimble.core.step import Step, step_name
from thimble.core.task import Arrays, Task
from thimble.core.values import first_line
from thimble.engine.clean import real_samples
from thimble.formats import main_file
from thimble.models import agreement_db

SAMPLES = 3
"""Samples on which a file is compared with what it was made of, where its batch is free."""


def check_opens(model: Model, task: Task | None, threads: int, title: str) -> None:
    """Run a step's result on a real sample (noise without data); raise `StepFailed` where it can't be opened or run.

    Networks in memory are left out, and so are formats whose runtime isn't installed.
    """
    runtime = None if model.format == TORCH else _native(model.format)
    if runtime is None:
        return
    source = MODELS.get(model.format) if model.format in MODELS.names() else None
    if vouch := getattr(source, "vouch", None):  # native code, which is opened only where it was made here
        vouch(main_file(model.folder, model.format))
    feeds = real_samples(model, task, 1) or noise_inputs(model.inputs, 1)
    try:
        answer = _ran(runtime, model, feeds, threads)
    except Exception as error:  # a runtime raises whatever its library raises
        raise StepFailed(f"{title} wrote a file that {runtime.title} can't open or run: {first_line(error)}") from error
    _check_answer(answer, model, f"{title}'s file in {runtime.title}")


def check_answers(made: Model, before: Model, step: Step, task: Task | None, threads: int) -> Model:
    """The model that a step wrote, with its agreement with the one before it in dB, on real samples (noise without data).

    That is for steps that say how well they must agree (``agrees_db``); the note is ``agreement_db``, at most 200. Raises `StepFailed`
    where the file answers otherwise. Where either can't be run here, nothing is compared, and nothing noted.
    """
    least = getattr(step, "agrees_db", None)
    if least is None or made.format == TORCH:
        return made
    batch = batch_of(made.inputs) or SAMPLES
    feeds = real_samples(made, task, batch) or noise_inputs(made.inputs, batch)
    turned = any(spec.layout for spec in made.inputs)
    original = fed(channels_first(feeds, made.inputs), before.inputs) if turned else feeds
    wanted, given = _answer(before, original, threads), _answer(made, feeds, threads)
    if wanted is None or given is None:
        return made
    what = f"{step_name(step)}'s file in {RUNTIMES.get(_native_name(made.format)).title}"
    for name, array in wanted.items():
        if name not in given or given[name].shape != array.shape:
            shape = given[name].shape if name in given else "missing"
            raise StepFailed(f"{what}: output {name} is {shape}, and {array.shape} in the model before it")
    agreement = min(agreement_db(wanted, given), 200.0)
    if not agreement >= least:
        raise StepFailed(
            f"{what} gives other outputs than the model before it: they agree to {agreement:.0f} dB, but at least {least:g} dB are needed"
        )
    return made.becoming(made.payload, agreement_db=round(agreement, 1))


def _answer(model: Model, feeds: Arrays, threads: int) -> Arrays | None:
    """What a model answers: a network in memory in PyTorch, a file in its format's own runtime; ``None`` where that isn't installed."""
    if model.format == TORCH:
        import torch

        with torch.inference_mode():
            results = model.payload(*(torch.from_numpy(feeds[spec.name].copy()) for spec in model.inputs))
        return {name: tensor.numpy() for name, tensor in named_outputs(results).items()}
    runtime = _native(model.format)
    return None if runtime is None else _ran(runtime, model, feeds, threads)


def _ran(runtime: Any, model: Model, feeds: Arrays, threads: int) -> Arrays:
    """One run of a model's file, which is closed again."""
    path, inputs = main_file(model.folder, model.format), [spec.name for spec in model.inputs]
    session = runtime.open(str(path), inputs, list(model.outputs), threads, {})
    try:
        answer: Arrays = session.run(feeds)
        return answer
    finally:
        session.close()


def _native_name(format: str) -> str:
    """The runtime whose own format this is and whose library is there; empty where there is none."""
    able = (name for name, cls in RUNTIMES.all().items() if cls.formats[0] == format and runs_here(cls))
    return next((name for name in able if all(importlib.util.find_spec(module) for module in RUNTIMES.get(name).needs)), "")


def _native(format: str) -> Any:
    """A runtime whose own format this is and whose library is there, or ``None``."""
    name = _native_name(format)
    return RUNTIMES.get(name)() if name else None


def _check_answer(answer: Arrays, model: Model, what: str) -> None:
    import numpy as np

    if missing := [name for name in model.outputs if name not in answer]:
        raise StepFailed(f"{what} gives no {', '.join(missing)}")
    for name, value in answer.items():
        if np.asarray(value).dtype.kind == "f" and np.asarray(value).size and np.isnan(value).all():
            raise StepFailed(f"{what} gives only NaN in {name}")
