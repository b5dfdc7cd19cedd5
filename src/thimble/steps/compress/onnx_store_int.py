"""Store weights in 8 or 4 bits: a quarter or an eighth of the size, computed in FP32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import Model
from thimble.core.settings import Bits, Number
from thimble.core.step import Context

BITS = (8, 4)
SMALLEST = 6.2e-5
"""The smallest scale that 16 bits hold with full precision."""
INT4_OPSET = 21
"""The first opset that casts 4-bit numbers."""


@dataclass(frozen=True)
class OnnxStoreInt:
    """Every FP32 weight of at least ``least`` numbers becomes integers of ``bits`` bits, with one scale of 16 bits for ``block`` of them.

    A Cast and a Mul behind it give FP32 back; runtimes fold them when they load the file, so that it runs as fast as before. Nothing
    but weights is rounded. ``bits`` is 8 or 4; a block is shorter where the weight's size asks for it.
    """

    bits: Bits = 8
    block: Number = 32
    least: Number = 256

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("store",)
    uses: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("onnx", "onnxruntime")
    extra: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        if self.bits not in BITS:
            raise BadInput(f"onnx_store_int: bits must be 8 or 4, not {self.bits}")

    def apply(self, model: Model, context: Context) -> Model:
        """The folder of the smaller file. Raises `NotApplicable` where no weight is stored in FP32."""
        import numpy as np
        import onnx
        from onnx import helper, numpy_helper

        from thimble.steps.compress._onnx_files import opset_of
        from thimble.steps.compress._slimming import slim_file
        from thimble.steps.compress._tolerant import one_feed

        source = model.folder / "model.onnx"
        loaded = onnx.load(str(source))
        if self.bits == 4 and opset_of(source) < INT4_OPSET:
            loaded = onnx.version_converter.convert_version(loaded, INT4_OPSET)
        graph, back, kept = loaded.graph, [], []
        outside = {value.name for value in graph.input}
        for tensor in graph.initializer:
            values = numpy_helper.to_array(tensor) if tensor.data_type == onnx.TensorProto.FLOAT else np.zeros(0)
            block = next((size for size in range(min(self.block, values.size), 7, -1) if values.size % size == 0), 0)
            if values.size < self.least or values.ndim < 2 or not block or tensor.name in outside or not np.isfinite(values).all():
                kept.append(tensor)
                continue
            name = f"{tensor.name}_int{self.bits}"
            whole, scale = self._rounded(values.reshape(-1, block))
            kept += [whole_tensor(whole, self.bits, name), numpy_helper.from_array(scale, f"{name}_scale")]
            kept.append(numpy_helper.from_array(np.array(values.shape, np.int64), f"{name}_shape"))
            back += [
                helper.make_node("Cast", [name], [f"{name}_cast"], to=onnx.TensorProto.FLOAT),
                helper.make_node("Cast", [f"{name}_scale"], [f"{name}_factor"], to=onnx.TensorProto.FLOAT),
                helper.make_node("Mul", [f"{name}_cast", f"{name}_factor"], [f"{name}_times"]),
                helper.make_node("Reshape", [f"{name}_times", f"{name}_shape"], [tensor.name]),
            ]
        if not back:
            raise NotApplicable("the ONNX file stores no large weight in FP32")
        nodes = [*back, *graph.node]
        del graph.node[:], graph.initializer[:]
        graph.node.extend(nodes)
        graph.initializer.extend(kept)
        target = context.output / "model.onnx"
        onnx.save(loaded, str(target))
        slim_file(target, one_feed(model, context), context.threads)
        return model.becoming(context.output, stored_weights=len(back) // 4, stored_bits=self.bits)

    def _rounded(self, rows: Any) -> tuple[Any, Any]:
        """Integers and a scale for each row: of eleven scales the one with the least squared error."""
        import numpy as np

        most = 2 ** (self.bits - 1) - 1
        top = np.abs(rows).max(1, keepdims=True).clip(1e-12)
        best, error = top / most, np.full(top.shape, np.inf)
        for share in np.linspace(0.75, 1.0, 11):
            scale = top * share / most
            wrong = np.square(np.round(rows / scale).clip(-most - 1, most) * scale - rows).sum(1, keepdims=True)
            best, error = np.where(wrong < error, scale, best), np.minimum(wrong, error)
        half = best.astype(np.float16)
        scale = half if float(half.min()) >= SMALLEST and float(half.max()) < np.inf else best.astype(np.float32)
        return np.round(rows / scale.astype(np.float32)).clip(-most - 1, most).astype(np.int8), scale


def whole_tensor(values: Any, bits: int, name: str) -> Any:
    """Integers as a tensor of 8 bits, or of 4 bits packed two in a byte, the first one in the lower half."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    if bits == 8:
        return numpy_helper.from_array(values, name)
    flat = np.append(values.reshape(-1), np.zeros(values.size % 2, np.int8))
    pairs = (flat[0::2] & 0xF) | ((flat[1::2] & 0xF) << 4)
    return onnx.TensorProto(name=name, data_type=onnx.TensorProto.INT4, dims=values.shape, raw_data=pairs.astype("uint8").tobytes())
