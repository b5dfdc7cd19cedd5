"""Nothing is called done before it was opened: what a step wrote is run once in its format's own runtime.

It happens in the steps' process, which may crash.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from thimble.core.errors import StepFailed
from thimble.core.model import TORCH, Model, noise_inputs
from thimble.core.registry import RUNTIMES
from thimble.core.task import Arrays, Task
from thimble.core.values import first_line
from thimble.engine.clean import real_samples
from thimble.formats import main_file


def check_opens(model: Model, task: Task | None, threads: int, title: str) -> None:
    """Run a step's result on a real sample (noise without data); raise `StepFailed` where it can't be opened or run.

    Networks in memory are left out, and so are formats whose runtime isn't installed.
    """
    runtime = None if model.format == TORCH else _native(model.format)
    if runtime is None:
        return
    path, inputs, outputs = main_file(model.folder, model.format), [spec.name for spec in model.inputs], list(model.outputs)
    feeds = real_samples(model, task, 1) or noise_inputs(model.inputs, 1)
    try:
        session = runtime.open(str(path), inputs, outputs, threads, {})
        try:
            answer = session.run(feeds)
        finally:
            session.close()
    except Exception as error:  # a runtime raises whatever its library raises
        raise StepFailed(f"{title} wrote a file that {runtime.title} can't open or run: {first_line(error)}") from error
    _check_answer(answer, model, f"{title}'s file in {runtime.title}")


def _native(format: str) -> Any:
    """A runtime whose own format this is and whose library is there, or ``None``."""
    for cls in RUNTIMES.all().values():
        if cls.formats[0] == format and all(importlib.util.find_spec(module) for module in cls.needs):
            return cls()
    return None


def _check_answer(answer: Arrays, model: Model, what: str) -> None:
    import numpy as np

    if missing := [name for name in model.outputs if name not in answer]:
        raise StepFailed(f"{what} gives no {', '.join(missing)}")
    for name, value in answer.items():
        if np.asarray(value).dtype.kind == "f" and np.asarray(value).size and np.isnan(value).all():
            raise StepFailed(f"{what} answers with NaN only in {name}")
