"""Store weights in 16 bits: half the size, computed in FP32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.settings import Number
from thimble.core.step import Context

LARGEST = 65504.0
"""The largest number that a 16-bit float holds."""


@dataclass(frozen=True)
class OnnxStoreFp16:
    """Every FP32 weight of at least ``least`` numbers becomes FP16, with a Cast behind it back to FP32: initializers and Constant
    nodes, in branches and loops too.

    ONNX Runtime folds the casts when it loads the file, so that it runs as fast as before; the size is halved, and
    little accuracy is lost. Weights beyond 65,504 stay as they are.
    """

    least: Number = 64

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 4
    effects: ClassVar[tuple[str, ...]] = ("store",)
    uses: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the smaller file. Raises `NotApplicable` where no weight is stored in FP32."""
        import onnx

        from thimble.core.subgraphs import graphs_of
        from thimble.steps.compress._slimming import slim_file
        from thimble.steps.compress._tolerant import one_feed

        loaded = onnx.load(str(model.folder / "model.onnx"))
        nodes = [node for graph in graphs_of(loaded.graph) for node in graph.node]
        halves = _Halves(self.least, {name for node in nodes for name in (*node.input, *node.output)})
        changed = sum([halves.stored_in(graph) for graph in graphs_of(loaded.graph)])
        if not changed and halves.left:
            why = f"its FP32 tensors have fewer than {self.least:g} numbers, or numbers beyond {LARGEST:,.0f}"
            raise NotApplicable(f"the ONNX file stores no weight in FP32 that could be halved: {why}")
        if not changed:
            raise NotApplicable("the ONNX file stores no weight in FP32")
        target = context.output / "model.onnx"
        onnx.save(loaded, str(target))
        slim_file(target, one_feed(model, context), context.threads)
        return model.becoming(context.output, stored_fp16=changed)


class _Halves:
    """Turns FP32 tensors of a graph to FP16, initializers and Constant nodes alike; ``left`` counts those that stay."""

    def __init__(self, least: float, taken: set[str]) -> None:
        self.least, self.taken, self.left = least, taken, 0

    def stored_in(self, graph: Any) -> int:
        """Change a graph, without the graphs inside its operators; return how many tensors changed."""
        nodes = [cast for tensor in graph.initializer if (cast := self._cast(tensor, tensor.name))]
        for node in graph.node:
            nodes.append(node)
            held = [attribute.t for attribute in node.attribute if attribute.name == "value"] if node.op_type == "Constant" else []
            if held and (cast := self._cast(held[0], node.output[0])):
                node.output[0] = cast.input[0]
                nodes.append(cast)
        changed = len(nodes) - len(graph.node)
        del graph.node[:]
        graph.node.extend(nodes)
        return changed

    def _cast(self, tensor: Any, name: str) -> Any:
        """Change a tensor called ``name`` and return the operator that gives it back in FP32; ``None`` where it stays as it is."""
        import numpy as np
        from onnx import TensorProto, helper, numpy_helper

        if tensor.data_type != TensorProto.FLOAT:
            return None
        values = numpy_helper.to_array(tensor)
        if values.size < self.least or not np.abs(values).max() <= LARGEST:
            self.left += 1
            return None
        half = f"{name}_fp16"
        while half in self.taken:
            half += "_"
        self.taken.add(half)
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
        return helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT)
