"""What goes into a network and what comes out: input specifications put together, and one trial run."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from thimble.base.errors import BadInput
from thimble.base.model import TORCH, Model, named_outputs
from thimble.base.task import ModelSpec
from thimble.base.values import TensorSpec, listed

if TYPE_CHECKING:
    from torch import Tensor, nn


def given_inputs(spec: ModelSpec) -> tuple[TensorSpec, ...]:
    """The inputs that the specification's shapes describe, their batch dimension free."""
    dtypes = spec.dtypes or {}
    made = []
    for name, shape in (spec.shapes or {}).items():
        if not shape or any(size < 1 for size in shape):
            raise BadInput(f"input {name!r} has shape {tuple(shape)}; give the batch first and positive sizes, as in {name}=1,3,224,224")
        made.append(TensorSpec(name, (None, *shape[1:]), dtypes.get(name, "float32")))
    return tuple(made)


def agreed_inputs(declared: tuple[TensorSpec, ...], spec: ModelSpec, source: str) -> tuple[TensorSpec, ...]:
    """The model's own inputs with the free dimensions that the specification's shapes fix.

    They are matched by name where the names agree, else by position where the counts do. Names and types stay the
    model's own. Raises `BadInput` where a fixed size is contradicted.
    """
    given = {one.name: one for one in given_inputs(spec)}
    if not given:
        return declared
    if set(given) == {one.name for one in declared}:
        pairs = [(own, given[own.name]) for own in declared]
    elif len(given) == len(declared):
        pairs = list(zip(declared, given.values(), strict=True))
    else:
        raise BadInput(f"{source} takes {listed(one.name for one in declared)}; shapes are given for {listed(given)}")
    return tuple(_narrowed(own, other, source) for own, other in pairs)


def _narrowed(own: TensorSpec, given: TensorSpec, source: str) -> TensorSpec:
    clash = any(a is not None and b is not None and a != b for a, b in zip(own.shape[1:], given.shape[1:], strict=False))
    if len(own.shape) != len(given.shape) or clash:
        raise BadInput(f"{source} takes {own.name} of shape {shape_text(own.shape)}; {shape_text(given.shape)} does not fit it")
    return replace(own, shape=(own.shape[0], *(b if a is None else a for a, b in zip(own.shape[1:], given.shape[1:], strict=True))))


def shape_text(shape: tuple[int | None, ...]) -> str:
    """``N x 3 x 224 x 224``; N is the batch and ``?`` any other free size."""
    return " x ".join(("N" if i == 0 else "?") if size is None else str(size) for i, size in enumerate(shape)) or "a single number"


def ordered_as_taken(network: nn.Module, inputs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """The inputs in the order of ``forward``'s parameters where they bear the same names, else as they are."""
    taken = forward_parameters(network)
    names = {one.name for one in inputs}
    return tuple(sorted(inputs, key=lambda one: taken.index(one.name))) if names <= set(taken) else inputs


def forward_parameters(network: nn.Module) -> list[str]:
    """Names of what ``forward`` takes, in order."""
    parameters = inspect.signature(network.forward).parameters.items()
    return [name for name, one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]


def torch_model(network: nn.Module, inputs: tuple[TensorSpec, ...], source: str, notes: Mapping[str, Any] | None = None) -> Model:
    """The network in evaluation mode as a `Model`, its outputs named by one trial run.

    The trial takes two samples, then one where two don't pass: the batch size is then fixed at 1. Raises `BadInput`
    where the network can't take the inputs, or answers with anything but finite tensors.
    """
    told = dict(notes or {})
    try:
        outputs = trial(network, inputs, 2)
    except Exception:  # whatever the network raises, it may still take one sample
        outputs, inputs = _one_sample(network, inputs, source), tuple(replace(one, shape=one.with_batch(1)) for one in inputs)
        told["batch"] = "takes one sample at a time only"
    _check_outputs(outputs, source)
    told["output_shapes"] = {name: list(tensor.shape) for name, tensor in outputs.items()}
    return Model(TORCH, network, inputs, tuple(outputs), told)


def trial(network: nn.Module, inputs: tuple[TensorSpec, ...], batch: int) -> dict[str, Tensor]:
    """The network's named outputs for ``batch`` samples of standard normal noise (zeros for integers)."""
    import torch

    generator = torch.Generator().manual_seed(0)
    made = []
    for one in inputs:
        dtype, shape = getattr(torch, one.dtype), one.with_batch(batch)
        made.append(torch.randn(shape, generator=generator).to(dtype) if dtype.is_floating_point else torch.zeros(shape, dtype=dtype))
    with torch.no_grad():
        return named_outputs(network(*made))


def _one_sample(network: nn.Module, inputs: tuple[TensorSpec, ...], source: str) -> dict[str, Tensor]:
    try:
        return trial(network, inputs, 1)
    except Exception as error:
        shapes = listed(f"{one.name} {shape_text(one.shape)} {one.dtype}" for one in inputs)
        raise BadInput(f"{source} can't take {shapes}: {one_line(error)}") from error


def _check_outputs(outputs: dict[str, Tensor], source: str) -> None:
    import torch

    if not outputs:
        raise BadInput(f"{source} returns nothing")
    for name, value in outputs.items():
        if not isinstance(value, torch.Tensor):
            raise BadInput(f"{source} returns {name} as a {type(value).__name__}; outputs are tensors, or tuples or dictionaries of them")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise BadInput(f"{source} answers noise with NaN or infinity in {name}; its weights are damaged or it diverges")


def one_line(error: BaseException) -> str:
    """``TypeError: the first line``: a foreign error for a message of ours."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
