"""TorchScript, packed INT8 weights unpacked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.artifact import Artifact
from thimble.core.values import TensorSpec
from thimble.formats import Ends, Stored

if TYPE_CHECKING:
    from thimble.core.task import Arrays

TITLE = "a TorchScript archive"
SUFFIXES = (
    ".pt",
    ".jit",
    ".torchscript",
    ".pth",
)
BESIDE: tuple[str, ...] = ()


def tensors(path: Path) -> Iterator[Stored]:
    """Parameters, buffers, tensors that freezing made constants, and what packed objects hold; tied ones once."""
    import torch

    from thimble.formats._torch import stored, unpacked

    module = torch.jit.load(path, map_location="cpu")
    learned = {value.data_ptr() for value in module.parameters()}
    seen: set[int] = set()
    for name, value in _held(module):
        if isinstance(value, torch.Tensor):
            if value.data_ptr() not in seen or not value.numel():
                seen.add(value.data_ptr())
                frozen = name.startswith("constant") and value.is_floating_point() and value.numel() > 1
                yield stored(name, value, value.data_ptr() in learned or frozen)
        elif id(value) not in seen:
            for i, tensor in enumerate(unpacked(value)):
                yield stored(f"{name}.{i}", tensor, True)


def _held(module: Any) -> Iterator[tuple[str, Any]]:
    """Tensors and packed objects by name: those of the state, then what the graph reaches besides."""
    yield from module.named_parameters()
    yield from module.named_buffers()
    graph = module.inlined_graph
    own = next(iter(graph.inputs()))
    yield from _reached(graph, {own.debugName(): ("", module._c)}, set())


def _reached(block: Any, known: dict[str, tuple[str, Any]], told: set[str]) -> Iterator[tuple[str, Any]]:
    """Follow attribute accesses from the module down, through the blocks of loops and branches."""
    import torch

    for node in block.nodes():
        if node.kind() == "prim::GetAttr" and (source := known.get(node.input().debugName())):
            path = f"{source[0]}.{node.s('name')}".lstrip(".")
            value = source[1].getattr(node.s("name"))
            known[node.output().debugName()] = (path, value)
            packed = isinstance(value, torch.ScriptObject) and not isinstance(value, torch._C.ScriptModule)
            if path not in told and (packed or isinstance(value, torch.Tensor)):
                told.add(path)
                yield path, value
        elif node.kind() == "prim::Constant" and node.hasAttribute("value") and node.kindOf("value") == "t":
            yield f"constant.{node.output().debugName()}", node.t("value")
        for inner in node.blocks():
            yield from _reached(inner, known, told)


def macs(path: Path, artifact: Artifact) -> int:
    """Counted by running it once."""
    import torch

    from thimble.formats._torch import example
    from thimble.formats.macs import macs_of_torch

    return macs_of_torch(torch.jit.load(path, map_location="cpu"), example(artifact))


def subnormal_activations(path: Path, inputs: Arrays) -> tuple[int, int]:
    """Counted while it runs once."""
    import torch

    from thimble.formats import _torch

    return _torch.subnormal_activations(torch.jit.load(path, map_location="cpu"), _torch.tensors_of(inputs))


def holds(path: Path) -> bool:
    """Return whether a file of such a suffix is TorchScript: an archive with code in it, and no state dict."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


def ends(path: Path) -> Ends:
    """The parameters of ``forward`` that have no default; shapes of tensors are nowhere in the file."""
    import torch

    schema = torch.jit.load(str(path), map_location="cpu").forward.schema
    given = [one for one in schema.arguments[1:] if not one.has_default_value()]
    tensors = tuple(one.name for one in given if str(one.type) not in NUMBERS)
    return Ends(tuple(TensorSpec(one.name, (), NUMBERS.get(str(one.type), "float32")) for one in given), (), tensors)


NUMBERS = {"int": "int64", "float": "float64", "bool": "bool"}
"""Types of parameters that are single numbers."""
