"""Store weights in 16 bits: half the size, computed in FP32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.settings import Number
from thimble.core.step import Context

LARGEST = 65504.0
"""The largest number that a 16-bit float holds."""


@dataclass(frozen=True)
class OnnxStoreFp16:
    """Every FP32 weight of at least ``least`` numbers becomes FP16, with a Cast behind it back to FP32.

    ONNX Runtime folds the casts when it loads the file, so that it runs as fast as before; the size is halved, and
    little accuracy is lost. Weights beyond 65,504 stay as they are.
    """

    least: Number = 64

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 3
    effects: ClassVar[tuple[str, ...]] = ("store",)
    uses: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the smaller file. Raises `NotApplicable` where no weight is stored in FP32."""
        import numpy as np
        import onnx
        from onnx import helper, numpy_helper

        from thimble.steps.compress._slimming import slim_file
        from thimble.steps.compress._tolerant import one_feed

        loaded = onnx.load(str(model.folder / "model.onnx"))
        graph, casts, changed = loaded.graph, [], 0
        taken = {name for node in graph.node for name in (*node.input, *node.output)}
        for tensor in graph.initializer:
            if tensor.data_type != onnx.TensorProto.FLOAT:
                continue
            values = numpy_helper.to_array(tensor)
            if values.size < self.least or not np.abs(values).max() <= LARGEST:
                continue
            name = f"{tensor.name}_fp16"
            while name in taken:
                name += "_"
            casts.append(helper.make_node("Cast", [name], [tensor.name], to=onnx.TensorProto.FLOAT))
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name))
            changed += 1
        if not changed:
            raise NotApplicable("the ONNX file stores no weight in FP32")
        nodes = [*casts, *graph.node]
        del graph.node[:]
        graph.node.extend(nodes)
        target = context.output / "model.onnx"
        onnx.save(loaded, str(target))
        slim_file(target, one_feed(model, context), context.threads)
        return model.becoming(context.output, stored_fp16=changed)
