"""Make an ONNX file as small as its numbers allow."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context


@dataclass(frozen=True)
class OnnxSlim:
    """Take out what no runtime needs: shape annotations, notes, long inner names, duplicates, unused tensors.

    Biases that are stored as integers with scales become FP32. ONNX Runtime must execute the result with the same operators, and
    must give the same outputs; otherwise only notes go. The quantizing steps and `onnx_store_fp16` do this by themselves. Names of
    inputs, outputs and layers stay.
    """

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("store",)
    uses: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the smaller file. Raises `NotApplicable` where there is nothing to take out."""
        from thimble.steps.compress._slimming import slim_file
        from thimble.steps.compress._tolerant import one_feed

        shutil.copytree(model.folder, context.output, dirs_exist_ok=True)
        notes = slim_file(context.output / "model.onnx", one_feed(model, context), context.threads)
        if not notes:
            raise NotApplicable("the ONNX file holds nothing that can be taken out")
        return model.becoming(context.output, **notes)
