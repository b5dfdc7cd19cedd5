"""What goes into a network and what comes out: input specifications put together, and one trial run."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from thimble.core.errors import BadInput
from thimble.core.model import TORCH, Model, example_inputs, named_outputs
from thimble.core.patience import SAMPLE_S, killed_after
from thimble.core.task import ModelSpec
from thimble.core.values import TensorSpec, fitting, listed
from thimble.fetch.user_file import foreign
from thimble.models._intake.network import SAME_DB, baked, same_db, widened

if TYPE_CHECKING:
    from torch import Tensor, nn


def given_inputs(spec: ModelSpec) -> tuple[TensorSpec, ...]:
    """The inputs that the specification's shapes describe, their batch dimension free.

    ``float64`` data is given to networks as ``float32``, which is what they are made of.
    """
    dtypes = {name: "float32" if dtype == "float64" else dtype for name, dtype in (spec.dtypes or {}).items()}
    made = []
    for name, shape in (spec.shapes or {}).items():
        if not shape or any(size < 1 for size in shape):
            raise BadInput(f"input {name!r} has shape {tuple(shape)}; give the batch first and positive sizes, as in {name}=1,3,224,224")
        made.append(TensorSpec(name, (None, *fitting(name, tuple(shape))[1:]), dtypes.get(name, "float32")))
    return tuple(made)


def agreed_inputs(declared: tuple[TensorSpec, ...], spec: ModelSpec, source: str) -> tuple[TensorSpec, ...]:
    """The model's own inputs with the free dimensions that the specification's shapes fix.

    They are matched by name where the names agree, else by position where the counts do. Names and types stay the
    model's own. Raises `BadInput` where a fixed size is contradicted.
    """
    given = {one.name: one for one in given_inputs(spec)}
    if not given:
        return declared
    names = {one.name for one in declared}
    if set(given) <= names:
        pairs = [(own, given.get(own.name, own)) for own in declared]
    elif spec.named:
        raise BadInput(f"{source} takes {listed(one.name for one in declared)}; --input-shape names {listed(set(given) - names)}")
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


def taken_inputs(network: nn.Module, spec: ModelSpec) -> tuple[TensorSpec, ...]:
    """The inputs that the specification's shapes describe, in the order of ``forward``'s parameters where they bear their names.

    An only input bears the name that a user gives it. Raises `BadInput` where one of several is named that ``forward`` lacks.
    """
    inputs, taken = given_inputs(spec), forward_parameters(network)
    names = {one.name for one in inputs}
    if spec.named and taken and len(names) > 1 and not names <= set(taken):
        raise BadInput(f"{spec.spec} takes {listed(taken)}; --input-shape names {listed(names - set(taken))}")
    return tuple(sorted(inputs, key=lambda one: taken.index(one.name))) if names <= set(taken) else inputs


def forward_parameters(network: nn.Module) -> list[str]:
    """Names of what ``forward`` takes, in order."""
    parameters = inspect.signature(network.forward).parameters.items()
    return [name for name, one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]


def torch_model(network: nn.Module, inputs: tuple[TensorSpec, ...], spec: ModelSpec, notes: Mapping[str, Any] | None = None) -> Model:
    """The network in evaluation mode as a `Model`, its outputs named by one trial run.

    The trial takes two samples, then one where two don't pass: the batch size is then fixed at 1. Raises `BadInput`
    where the network can't take the inputs, answers with anything but finite tensors, or has another head than asked.
    """
    told = {**(notes or {}), **{name: note for name, note in (("baked", baked(network)), ("widened", widened(network))) if note}}
    if "widened" in told:
        inputs = tuple(replace(one, dtype="float32") if one.dtype in ("float16", "bfloat16") else one for one in inputs)
    try:
        outputs = trial(network, inputs, 2)
    except _RefusedError:  # it may still take one sample
        outputs, inputs = _one_sample(network, inputs, spec.spec), tuple(replace(one, shape=one.with_batch(1)) for one in inputs)
        told["batch"] = "takes one sample at a time only"
    _check_outputs(outputs, spec.spec)
    _check_repeats(network, inputs, outputs, spec.spec)
    _check_batch(network, inputs, outputs, spec.spec)
    if found := endings(network, inputs):
        told["endings"] = found
    told["output_shapes"] = {name: [None, *tensor.shape[1:]] for name, tensor in outputs.items()}
    check_head(told["output_shapes"], spec)
    return Model(TORCH, network, inputs, tuple(outputs), told)


def _check_repeats(network: nn.Module, inputs: tuple[TensorSpec, ...], outputs: dict[str, Tensor], source: str) -> None:
    """Raise `BadInput` where the network answers the same input differently: nothing can be compared with it."""
    batch = inputs[0].shape[0] if inputs and inputs[0].shape else 2
    agreement = same_db(outputs, trial(network, inputs, batch or 2))
    if agreement < SAME_DB:
        raise BadInput(
            f"{source} gives different outputs for the same input: two runs agree to {agreement:.0f} dB only. Take the "
            "randomness out of forward (noise, dropout that is always on, sampling), or draw it from a fixed seed"
        )


def _check_batch(network: nn.Module, inputs: tuple[TensorSpec, ...], outputs: dict[str, Tensor], source: str) -> None:
    """Raise `BadInput` where two samples have a batch dimension in the first output, and one sample has none."""
    name, of_two = next(iter(outputs.items()))
    try:
        of_one = trial(network, inputs, 1).get(name)
    except _RefusedError:  # it takes several samples at a time only
        return
    if of_one is not None and of_one.ndim < of_two.ndim:
        raise BadInput(
            f"{source} drops the batch dimension of a single sample: {name} has shape {tuple(of_two.shape)} for two samples and "
            f"{tuple(of_one.shape)} for one. Name the dimension where forward squeezes: squeeze(-1), not squeeze()"
        )


def head_of(output_shapes: Mapping[str, Sequence[int | None]]) -> int | None:
    """The number of classes: the second size of an only output of two dimensions; ``None`` for anything else."""
    shapes = list(output_shapes.values())
    return shapes[0][1] if len(shapes) == 1 and len(shapes[0]) == 2 else None


def check_head(output_shapes: Mapping[str, Sequence[int | None]], spec: ModelSpec) -> None:
    """Raise `BadInput` where the model's head has another number of outputs than the specification asks for."""
    head = head_of(output_shapes)
    if spec.classes is not None and head is not None and head != spec.classes:
        raise BadInput(f"{spec.spec} has a head of {head} outputs and the data {spec.classes} classes: the two must agree")


def check_single(inputs: Sequence[TensorSpec], source: str) -> None:
    """Raise `BadInput` where a model takes several samples at a time and no other number: single ones are what is measured."""
    firsts = {one.shape[one.axis] for one in inputs if one.shape}
    for one in inputs if len(firsts) == 1 else ():
        if one.shape and one.shape[one.axis] not in (None, 1):
            raise BadInput(
                f"{source} takes {one.name} of shape {shape_text(one.shape)}, {one.shape[one.axis]} samples at a time; single ones are "
                "measured: export it with a free batch dimension, or one of 1"
            )


def remarks(notes: Mapping[str, Any]) -> tuple[str, ...]:
    """What a user must hear of a model that was opened, from its notes: it came in training mode, it is quantized, ..."""
    said = [str(notes[name]) for name in ("training_mode", "batch", "baked", "widened", "weights_left", "unchanged") if name in notes]
    if quantized := notes.get("quantized"):
        said.append("is quantized already: " + listed((f"{count} {name}" for name, count in quantized.items()), 4))
    return tuple(said)


def trial(network: nn.Module, inputs: tuple[TensorSpec, ...], batch: int) -> dict[str, Tensor]:
    """The network's named outputs for ``batch`` samples of noise. Raises `_RefusedError` where it doesn't take them."""
    import torch

    given = example_inputs(Model(TORCH, network, inputs, ()), batch)
    try:
        with torch.no_grad(), killed_after(SAMPLE_S):
            answer = network(*given)
    except Exception as error:  # the network is somebody's own code
        raise _RefusedError(foreign(error)) from error
    return named_outputs(answer)


def endings(network: nn.Module, inputs: tuple[TensorSpec, ...]) -> dict[str, str]:
    """The operator that each output ends with, where autograd's record tells: ``sigmoid``, ``softmax``, ``linear``, ..."""
    import torch

    from thimble.formats._ending import ending

    def producer(key: str) -> tuple[str, list[str]] | None:
        node = steps.get(key)
        if node is None or "AccumulateGrad" in node.name():
            return None
        taken = [one for one, _ in node.next_functions if one is not None]
        steps.update({str(id(one)): one for one in taken})
        return node.name().partition("Backward")[0], [str(id(one)) for one in taken]

    steps: dict[str, Any] = {}
    try:
        given = example_inputs(Model(TORCH, network, inputs, ()), inputs[0].shape[0] or 2 if inputs[0].shape else 2)
        with torch.enable_grad():
            outputs = named_outputs(network(*given))
    except Exception:  # a network that can't be run with gradients: its values tell
        return {}
    found = {}
    for name, tensor in outputs.items():
        if isinstance(tensor, torch.Tensor) and tensor.grad_fn is not None:
            steps[name] = tensor.grad_fn
            found[name] = ending(name, producer)
    return {name: end for name, end in found.items() if end}


class _RefusedError(Exception):
    """A network raised something when it was run; in one line."""


def _one_sample(network: nn.Module, inputs: tuple[TensorSpec, ...], source: str) -> dict[str, Tensor]:
    try:
        return trial(network, inputs, 1)
    except _RefusedError as error:
        shapes = listed(f"{one.name} {shape_text(one.shape)} {one.dtype}" for one in inputs)
        raise BadInput(f"{source} can't take {shapes}: {error}") from error


def _check_outputs(outputs: dict[str, Tensor], source: str) -> None:
    import torch

    if not outputs:
        raise BadInput(f"{source} returns nothing")
    for name, value in outputs.items():
        if not isinstance(value, torch.Tensor):
            raise BadInput(f"{source} returns {name} as a {type(value).__name__}; outputs are tensors, or tuples or dictionaries of them")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise BadInput(f"{source} gives NaN or infinity in {name}; for random inputs: its weights are damaged or it diverges")
