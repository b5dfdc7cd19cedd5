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
