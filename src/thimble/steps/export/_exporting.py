"""What the exporters share: the exported program with its batch dimension, and the comparison of outputs."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
import weakref
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from thimble.core.errors import BadInput, NotApplicable, StepFailed
from thimble.core.model import Model, example_inputs, fed, named_outputs
from thimble.core.step import Context
from thimble.core.task import Arrays
from thimble.core.values import first_line

_programs: MutableMapping[Any, tuple[Any, ...]] = weakref.WeakKeyDictionary()
"""Of networks that are still in memory: the inputs, the program, and the inputs that it takes. Several exporters begin with it."""

AGREES_DB = 40.0
"""Outputs agree when the error's power is 10,000 times below the signal's; FP32 rewriting leaves about 110 dB."""


def export_program(model: Model) -> tuple[Any, Model]:
    """``torch.export`` of the network, and the model with the shapes that it allows.

    First with a free batch dimension, then with the batch fixed at 1. A network is traced once; it must not change
    afterwards. Raises `NotApplicable` with the reason.
    """
    known = _programs.get(model.payload)
    if known is None or known[0] != model.inputs:
        program, made = _traced(model)
        _programs[model.payload] = known = (model.inputs, program, made.inputs)
    return known[1], replace(model, inputs=known[2])


def _traced(model: Model) -> tuple[Any, Model]:
    free = all(spec.shape and spec.shape[0] is None for spec in model.inputs)
    tries: list[tuple[int, Any]] = [(1, None)]
    if free:
        batch = torch.export.Dim("batch", min=1)
        tries.insert(0, (2, tuple({0: batch} for _ in model.inputs)))
    reason: Exception | None = None
    for size, dims in tries:
        try:
            with quiet(), torch.no_grad():
                program = torch.export.export(model.payload, example_inputs(model, size), dynamic_shapes=_shapes(dims, model))
        except Exception as error:  # the traced code raises whatever it likes
            reason = error
            continue
        return program, model if dims else replace(model, inputs=tuple(replace(s, shape=s.with_batch(1)) for s in model.inputs))
    raise NotApplicable(f"torch.export can't trace this model: {first_line(reason)}")


def _shapes(dims: Any, model: Model) -> Any:
    """The dynamic shapes in the form that fits the network's signature (a ``*args`` takes them nested)."""
    if dims is None:
        return None
    import inspect

    kinds = [p.kind for p in inspect.signature(model.payload.forward).parameters.values()]
    return (dims,) if kinds[:1] == [inspect.Parameter.VAR_POSITIONAL] else dims


def samples(model: Model, context: Context, count: int) -> tuple[torch.Tensor, ...]:
    """A few real inputs from the calibration split; noise where there is none that fits the network."""
    try:
        if context.task is None:
            return example_inputs(model, count)
        batch = next(iter(context.task.split("calibration").batches(count)))
        return tuple(torch.from_numpy(array.copy()) for array in fed(batch.inputs, model.inputs).values())
    except BadInput:
        return example_inputs(model, count)


def torch_outputs(model: Model, example: tuple[torch.Tensor, ...]) -> Arrays:
    """What the network in memory answers, as named arrays."""
    with torch.no_grad():
        return {name: tensor.numpy() for name, tensor in named_outputs(model.payload(*example)).items()}


def sqnr_db(reference: Arrays, given: Arrays) -> float:
    """Signal-to-noise ratio in dB over all outputs together; infinite where nothing differs."""
    signal = sum(float(np.square(a.astype(np.float64)).sum()) for a in reference.values())
    noise = sum(float(np.square(given[name].astype(np.float64) - a.astype(np.float64)).sum()) for name, a in reference.items())
    return math.inf if noise == 0 else 10 * math.log10(max(signal, 1e-300) / noise)


def check_agreement(reference: Arrays, given: Arrays, what: str) -> float:
    """The agreement in dB; raises `StepFailed` where shapes differ or it is below `AGREES_DB`."""
    for name, array in reference.items():
        if name not in given or given[name].shape != array.shape:
            found = given[name].shape if name in given else "missing"
            raise StepFailed(f"{what}: output {name} is {found}, in PyTorch it is {array.shape}")
    agreement = sqnr_db(reference, given)
    if not agreement >= AGREES_DB:
        raise StepFailed(f"{what} gives other outputs than PyTorch: they agree to {agreement:.0f} dB only, {AGREES_DB:.0f} are asked")
    return min(agreement, 200.0)


@contextlib.contextmanager
def quiet() -> Any:
    """Keep exporters' chatter off the terminal."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
