"""Export to TorchScript: for networks that ``torch.export`` can't take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import TORCH, Model
from thimble.core.step import Context
from thimble.core.values import first_line


@dataclass(frozen=True)
class ToTorchscript:
    """Write ``model.pt``, compiled from the network's source by ``torch.jit.script``, control flow included."""

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = "torchscript"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("export",)
    uses: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `NotApplicable` where TorchScript can't compile the network's code."""
        import warnings

        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                torch.jit.save(torch.jit.script(model.payload), str(context.output / "model.pt"))
            except Exception as error:
                raise NotApplicable(f"TorchScript can't compile this model: {first_line(error)}") from error
        return model.becoming(context.output, "torchscript")
