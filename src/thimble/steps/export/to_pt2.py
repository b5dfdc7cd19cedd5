"""Export to ``torch.export``'s archive: eager ATen operators that open without the model's source code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import TORCH, Model, example_inputs
from thimble.core.step import Context
from thimble.core.values import first_line


@dataclass(frozen=True)
class ToPt2:
    """Write ``model.pt2`` with a free batch dimension (fixed at 1 where the network doesn't allow it), open it again, and compare."""

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = "pt2"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("export",)
    uses: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"

    def apply(self, model: Model, context: Context) -> Model:
        """The archive's folder. Raises `NotApplicable` where the network's control flow depends on its data."""
        import torch

        from thimble.steps.export._exporting import check_agreement, export_program, torch_outputs

        program, made = export_program(model)
        try:
            torch.export.save(program, context.output / "model.pt2")
        except Exception as error:
            raise NotApplicable(f"torch.export can't save this model: {first_line(error)}") from error
        example = example_inputs(model, 3 if made.inputs[0].shape[0] is None else 1)
        written = replace(made, payload=torch.export.load(context.output / "model.pt2").module())
        agreement = check_agreement(torch_outputs(model, example), torch_outputs(written, example), "the exported archive")
        return made.becoming(context.output, "pt2", agreement_db=round(agreement, 1))
