"""Exported programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.core.artifact import Artifact
from thimble.formats import Stored

if TYPE_CHECKING:
    from thimble.core.task import Arrays

TITLE = "a torch.export archive"
SUFFIXES = (".pt2",)
BESIDE: tuple[str, ...] = ()


def tensors(path: Path) -> Iterator[Stored]:
    """Parameters, buffers and constants, tied ones once."""
    import torch

    from thimble.formats._torch import stored

    program = torch.export.load(path)
    learned = set(program.graph_signature.parameters)
    seen: set[int] = set()
    for name, value in {**program.state_dict, **program.constants}.items():
        if isinstance(value, torch.Tensor) and value.data_ptr() not in seen:
            seen.add(value.data_ptr())
            yield stored(name, value, name in learned)


def macs(path: Path, artifact: Artifact) -> int:
    """Counted by running it once."""
    import torch

    from thimble.formats._torch import example
    from thimble.formats.macs import macs_of_torch

    return macs_of_torch(torch.export.load(path).module(), example(artifact))


def subnormal_activations(path: Path, inputs: Arrays) -> tuple[int, int]:
    """Counted while it runs once."""
    import torch

    from thimble.formats import _torch

    return _torch.subnormal_activations(torch.export.load(path).module(), _torch.tensors_of(inputs))


def endings(path: Path) -> dict[str, str]:
    """How each output of the program ends, by its place (``0``, ``1``, ...); read from the archive without PyTorch."""
    import json
    import zipfile

    from thimble.formats._ending import ending

    with zipfile.ZipFile(path) as archive:
        place = next(name for name in archive.namelist() if name.endswith("models/model.json"))
        graph = json.loads(archive.read(place))["graph_module"]["graph"]
    made = {}
    for node in graph["nodes"]:
        taken = [one["arg"]["as_tensor"]["name"] for one in node["inputs"] if "as_tensor" in one["arg"]]
        kind = node["target"].removeprefix("torch.ops.").split(".")[1:2]
        for output in node["outputs"]:
            if kind and "as_tensor" in output:
                made[output["as_tensor"]["name"]] = (kind[0], taken)
    names = [one["as_tensor"]["name"] if "as_tensor" in one else "" for one in graph["outputs"]]
    found = {str(i): ending(name, made.get) for i, name in enumerate(names)}
    return {name: end for name, end in found.items() if end}
