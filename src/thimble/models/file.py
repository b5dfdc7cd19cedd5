"""A network from the user's own code: ``file.py:function``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.model import Model
from thimble.core.paths import user_path
from thimble.core.patience import BUILDING_S
from thimble.core.preprocess import Preprocess
from thimble.core.task import ModelSpec
from thimble.core.values import TensorSpec, sha256_of
from thimble.fetch.user_file import called, code_files, foreign, import_user_file, user_function
from thimble.models._inputs import agreed_inputs, forward_parameters, taken_inputs, torch_model
from thimble.models._state import load_own, read_state

if TYPE_CHECKING:
    from torch import nn


class File:
    """``file.py:function``: a function without arguments (or a class) that gives an ``nn.Module``.

    What it takes is said by ``--input-shape``, by the task's samples, or by an attribute ``inputs`` of the function or
    the network: a dictionary from names to shapes, ``(shape, type)`` pairs, or example tensors, the batch first. Names
    and types are the attribute's, sizes those that are given.
    The seed is set before the function is called.
    """

    title: ClassVar[str] = "an nn.Module from a function in your file"
    form: ClassVar[str] = "FILE.py:FUNCTION"
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"

    def open(self, spec: ModelSpec, folder: Path) -> Model:
        """The network in evaluation mode; a note says where it came in training mode."""
        network, declared, told = _network(spec)
        notes = {"training_mode": "came in training mode and was put into evaluation mode"} if network.training else {}
        notes |= {"weights_left": told} if told else {}
        network = network.eval()
        if declared:
            free = tuple(replace(one, shape=(None,) * len(one.shape)) for one in declared)
            inputs = agreed_inputs(free if spec.shapes else declared, spec, spec.spec)
        elif spec.shapes:
            inputs = taken_inputs(network, spec)
        else:
            taken = " ".join(f"--input-shape {name}=1,..." for name in forward_parameters(network))
            raise BadInput(f"the input shapes of {spec.spec} are unknown; give {taken or 'its --input-shape'}, or an attribute inputs")
        return torch_model(network, inputs, spec, notes)

    def preprocess(self, spec: ModelSpec) -> Preprocess | None:
        """Unknown: the user says it, or the task's default is used."""
        return None

    def prepare(self, spec: ModelSpec) -> None:
        """Import the file, so that pickles of its classes can be read."""
        import_user_file(_path(spec))

    def declared(self, spec: ModelSpec) -> tuple[TensorSpec, ...]:
        """The inputs that it declares; else an image of as many channels as the first convolution takes."""
        import torch

        network, declared, _ = _network(spec)
        first = next((layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)), None)
        return declared or ((TensorSpec("input", (None, first.in_channels, None, None)),) if first else ())

    def traits(self, spec: ModelSpec) -> frozenset[str]:
        """Recurrent layers and attention, by the types of modules."""
        from torch import nn

        network, _, _ = _network(spec)
        kinds: dict[str, type | tuple[type, ...]] = {
            "recurrent": nn.RNNBase,
            "attention": (nn.MultiheadAttention, nn.Transformer, nn.TransformerEncoderLayer),
        }
        return frozenset(name for name, kind in kinds.items() if any(isinstance(module, kind) for module in network.modules()))

    def identity(self, spec: ModelSpec) -> tuple[object, ...]:
        """The code of the file and of those beside it that it imports, and the weights that the network comes with.

        Builds the network: what its function reads from other files can't be known otherwise.
        """
        from importlib.metadata import version

        network, _, _ = _network(spec)
        code = [sha256_of(file) for file in code_files(_path(spec))]
        return (spec.spec.rpartition(":")[2], code, _digest(network), version("torch"))


def _path(spec: ModelSpec) -> Path:
    return user_path(spec.spec.rpartition(":")[0])


def _network(spec: ModelSpec) -> tuple[nn.Module, tuple[TensorSpec, ...], str | None]:
    """The network with its weights, the inputs that it or its function declares, and what was left out of the weights' file."""
    import torch

    function, path = user_function(spec.spec)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        network = called(function, spec.spec, path, BUILDING_S)
    if not isinstance(network, torch.nn.Module):
        raise BadInput(f"{spec.spec} returned a {type(network).__name__}, not an nn.Module")
    told = None
    if spec.weights == "imagenet":
        raise BadInput(f"--weights imagenet is for torchvision and timm; {spec.spec} takes a file")
    if spec.weights:
        source = user_path(spec.weights)
        told = load_own(network, read_state(source), source)
    declared = getattr(function, "inputs", None) or getattr(network, "inputs", None)
    try:
        return network, _declared(declared) if isinstance(declared, Mapping) else (), told
    except (TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"the inputs of {spec.spec} must be a dictionary from names to shapes or tensors: {foreign(error)}") from error


def _declared(inputs: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    made = []
    for name, value in inputs.items():
        if hasattr(value, "shape"):
            shape, dtype = value.shape, str(value.dtype).removeprefix("torch.")
        elif len(value) == 2 and isinstance(value[1], str):
            shape, dtype = value
        else:
            shape, dtype = value, "float32"
        made.append(TensorSpec(str(name), (None, *(size if size is None else int(size) for size in tuple(shape)[1:])), dtype))
    return tuple(made)


def _digest(network: nn.Module) -> str:
    import hashlib

    import torch

    sha = hashlib.sha256(str(network).encode())
    for name, tensor in network.state_dict().items():
        if not isinstance(tensor, torch.Tensor):
            sha.update(f"{name} {tensor!r}".encode())
            continue
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
