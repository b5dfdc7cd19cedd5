"""Weights from a file into a network: nothing in the file is ever executed, and what doesn't fit is said in one line."""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, BinaryIO

from thimble.core.errors import BadInput
from thimble.core.step import needing
from thimble.core.text import brief
from thimble.core.values import listed
from thimble.fetch.archive import check_archive, readable
from thimble.fetch.user_file import foreign

if TYPE_CHECKING:
    from torch import Tensor, nn

DAMAGED = "damaged"
_NESTS = ("state_dict", "model_state_dict", "model", "net", "network", "ema")
"""Keys under which training scripts keep the weights in a checkpoint."""
_PREFIXES = ("module.", "_orig_mod.", "model.")
"""What wrappers (data-parallel, compiled, Lightning) put before every name."""


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.pth``/``.pt`` state dict or checkpoint, or a ``.safetensors`` file, by parameter name.

    Raises `BadInput` for a file that is absent, damaged, no state dict, or that would run code when unpickled.
    """
    if not path.is_file():
        raise BadInput(f"there is no weights file at {path}")
    loaded = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    state = _unnested(loaded)
    if state:
        _check_tensors(state, path)
    if state is None:
        raise BadInput(f"{path} holds no state dict but {_kind(loaded)}; save one with torch.save(model.state_dict(), FILE)")
    return _unprefixed(state)


def unpickled(source: Path | BinaryIO) -> Any:
    """What PyTorch unpickles where it runs no code. Raises `pickle.UnpicklingError` for everything that it can't.

    Its unpickler is Python that runs byte by byte: files with random damage made it raise ten types of exceptions, from
    ``AssertionError`` to ``struct.error``. So any is taken for damage here, and nothing but that call is made.
    """
    import warnings

    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one of them says how to load it without the safeguard
            return torch.load(source, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise
    except Exception as error:
        raise UnpicklingError(f"{DAMAGED}: {type(error).__name__}") from error


def _read_pickle(path: Path) -> Any:
    check_archive(path)
    try:
        return unpickled(path)
    except UnpicklingError as error:
        if DAMAGED in str(error) or "Unsupported operand" in str(error):
            raise BadInput(f"{path} is not a weights file that PyTorch can read, or it is damaged") from error
        raise BadInput(
            f"{path} holds more than tensors and would run code when loaded, so it was not; "
            "save the weights alone with torch.save(model.state_dict(), FILE)"
        ) from error


def _read_safetensors(path: Path) -> Any:
    with needing("timm"):
        safetensors = importlib.import_module("safetensors")
        loader = importlib.import_module("safetensors.torch")
    with readable(path):
        pass
    try:
        return loader.load_file(path)
    except safetensors.SafetensorError as error:
        raise BadInput(f"{path} is not a safetensors file, or it is damaged ({foreign(error)})") from error


def _check_tensors(state: dict[str, Tensor], path: Path) -> None:
    """Raise `BadInput` for tensors that are no plain numbers in memory: no network takes them as they are."""
    import torch

    for name, tensor in state.items():
        kind = (
            "has no numbers (it lies on the device meta)"
            if tensor.is_meta
            else f"is stored as {str(tensor.layout).removeprefix('torch.')}"
            if tensor.layout != torch.strided
            else "is quantized"
            if tensor.is_quantized
            else ""
        )
        if kind:
            raise BadInput(f"{path}: {brief(name)} {kind}; save plain tensors with torch.save(model.state_dict(), FILE)")


def _unnested(loaded: Any, depth: int = 0) -> dict[str, Tensor] | None:
    """The first dictionary of tensors under the usual keys, a few levels down: one may hold itself."""
    import torch

    if not isinstance(loaded, dict) or not loaded or depth > len(_NESTS):
        return None
    if all(isinstance(key, str) for key in loaded) and all(isinstance(value, torch.Tensor) for value in loaded.values()):
        return dict(loaded)
    return next((state for key in _NESTS if key in loaded and (state := _unnested(loaded[key], depth + 1)) is not None), None)


def _unprefixed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            return _unprefixed({name.removeprefix(prefix): value for name, value in state.items()})
    return state


def _kind(loaded: Any) -> str:
    if isinstance(loaded, dict):
        return f"a dictionary with the keys {listed(brief(repr(key), 40) for key in loaded)}" if loaded else "an empty dictionary"
    return f"a {type(loaded).__name__}"


def load_state(network: nn.Module, state: dict[str, Tensor], source: Path | str) -> None:
    """Put the tensors into the network, every one of them.

    Raises `BadInput` naming what is missing, unexpected or of another shape; a head of another size is named as such.
    """
    own = network.state_dict()
    misshaped = [name for name in own if name in state and own[name].shape != state[name].shape]
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in own]
    heads = head_sizes(network, state)
    if heads and not missing and not unexpected:
        theirs, ours = heads
        raise BadInput(f"{source} has a head of {theirs} outputs, the model one of {ours}: the number of classes must agree")
    problems = [
        *([f"lacks {listed(missing, 3)}"] if missing else []),
        *([f"has {listed(unexpected, 3)}, which the model lacks"] if unexpected else []),
        *(f"{name} is {_shape(state[name])}, not {_shape(own[name])}" for name in misshaped[:2]),
        *(f"has complex numbers in {name}, whose imaginary part would be lost" for name in own if _narrows(state.get(name), own[name])),
    ]
    if problems:
        raise BadInput(f"{source} does not fit this model: it {'; '.join(problems)}")
    versioned = OrderedDict(state)
    versioned._metadata = own._metadata  # type: ignore[attr-defined]  # some networks ask which version of theirs wrote this
    network.load_state_dict(versioned, strict=False)


def load_own(network: nn.Module, state: dict[str, Tensor], source: Path | str) -> str | None:
    """Put a checkpoint of a larger network into the part of it that ``network`` is; gives what was left out, in words.

    Every parameter must be there, under its own name or behind one prefix (``bert.``). Buffers that the file lacks keep the
    network's own values, batch statistics aside. What the file has more is left out where it is a head or a buffer beside the
    network; more of a module that the network has is a mistake. Raises `BadInput` as `load_state` does.
    """
    state = _of_part(network, state)
    own, learned = network.state_dict(), {name for name, _ in network.named_parameters()}
    kept = [name for name in own if name not in state and name not in learned and not name.endswith(_STATISTICS)]
    modules = {name.partition(".")[0] for name in own}
    left = [name for name in state if name not in own and (name.partition(".")[0] not in modules or name.endswith(_CONSTANTS))]
    load_state(network, {name: own[name] for name in kept} | {name: value for name, value in state.items() if name not in left}, source)
    said = [f"left out {listed(left, 3)} of {source}, which the network does not have"] if left else []
    said += [f"buffers that {source} lacks keep the network's own values: {listed(kept, 3)}"] if kept else []
    return "; ".join(said) or None


_STATISTICS = ("running_mean", "running_var")
_CONSTANTS = ("position_ids", "inv_freq", "attn.bias", "attn.masked_bias", "token_type_ids")
"""How constants are called that checkpoints of Hugging Face's networks keep, which newer networks make themselves."""


def _of_part(network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the state without a prefix that all parameters of the network share."""
    learned = [name for name, _ in network.named_parameters()]
    if not learned or all(name in state for name in learned):
        return state
    ends = [name.removesuffix(learned[0]) for name in state if name.endswith(f".{learned[0]}")]
    prefix = next((one for one in ends if all(f"{one}{name}" in state for name in learned)), None)
    return state if prefix is None else {name.removeprefix(prefix): value for name, value in state.items()}


def load_with_head(
    build: Callable[[int | None], nn.Module], classes: int | None, state: dict[str, Tensor], source: Path | str
) -> nn.Module:
    """The network that ``build`` gives for a number of classes, with the tensors in it.

    Where no number is asked for (``None``) and the head is all that doesn't fit, the network is built for the file's.
    """
    network = build(classes)
    heads = head_sizes(network, state)
    if classes is None and heads:
        network = build(heads[0])
    load_state(network, state, source)
    return network


def head_sizes(network: nn.Module, state: dict[str, Tensor]) -> tuple[int, int] | None:
    """The numbers of outputs in the file and in the network, where that one number is all that differs."""
    own = network.state_dict()
    pairs = [(state[name].shape, own[name].shape) for name in own if name in state and own[name].shape != state[name].shape]
    if not pairs or any(len(a) != len(b) or not a or a[1:] != b[1:] for a, b in pairs):
        return None
    numbers = {(a[0], b[0]) for a, b in pairs}
    return numbers.pop() if len(numbers) == 1 else None


def _narrows(given: Tensor | None, own: Tensor) -> bool:
    return given is not None and given.is_complex() and not own.is_complex()


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a single number"
