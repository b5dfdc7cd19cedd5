"""Round weights to fewer bits of their mantissa: the file is as large as before, and deflates to less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context


@dataclass(frozen=True)
class OnnxRoundWeights:
    """Every FP32 weight keeps ``bits`` of its 23 bits of mantissa, rounded to the nearest; the network runs as before.

    The settings are the fields: light values with defaults, which users write as ``onnx_round_weights(4)``.
    """

    bits: int = 7

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "onnx"
    version: ClassVar[int] = 1  # raise it when the same settings start to give another file
    effects: ClassVar[tuple[str, ...]] = ("store",)
    uses: ClassVar[tuple[str, ...]] = ()  # such as ("calibration", "seed"): what of the context changes the result
    needs: ClassVar[tuple[str, ...]] = ("onnx",)
    extra: ClassVar[str | None] = None

    def apply(self, model: Model, context: Context) -> Model:
        """Write the new file into ``context.output``. Raises `NotApplicable` where no weight is stored in FP32."""
        import numpy as np  # heavy libraries are imported here, so that listing and parsing stay light
        import onnx
        from onnx import numpy_helper

        if not 0 <= self.bits <= 23:
            raise NotApplicable(f"bits is {self.bits}; a mantissa has 0 to 23")
        loaded, changed = onnx.load(str(model.folder / "model.onnx")), 0
        drop = 23 - self.bits
        for tensor in loaded.graph.initializer:
            if tensor.data_type != onnx.TensorProto.FLOAT or drop == 0:
                continue
            values = numpy_helper.to_array(tensor)
            whole = values.view(np.uint32).astype(np.uint64) + (1 << (drop - 1))
            rounded = ((whole >> drop) << drop).astype(np.uint32).view(np.float32)
            kept = np.where(np.isfinite(values) & np.isfinite(rounded), rounded, values)
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(kept, np.float32), tensor.name))
            changed += 1
        if not changed:
            raise NotApplicable("the ONNX file stores no weight in FP32")
        onnx.save(loaded, str(context.output / "model.onnx"))
        return model.becoming(context.output, rounded_weights=changed)  # notes are shown beside the step
