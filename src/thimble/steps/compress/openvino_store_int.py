"""Weights in 8 or 4 bits for OpenVINO, computed in FP32: NNCF's weight compression."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import BadInput, NotApplicable, StepFailed
from thimble.core.model import Model
from thimble.core.settings import Bits, Number
from thimble.core.step import Context, needing
from thimble.core.values import first_line
from thimble.steps.compress._nncf import unreported


@dataclass(frozen=True)
class OpenvinoStoreInt:
    """``nncf.compress_weights``: INT8 with a scale for each channel, or INT4 with one for ``group`` numbers of a row.

    Nothing but weights is rounded, and nothing gets faster where there is one sample at a time and a small network. NNCF stores in 4
    bits only what stands in matrix products; convolutions get 8, and a network without such weights is refused, since its file would
    be an INT8 one.
    """

    bits: Bits = 8
    group: Number = 32

    consumes: ClassVar[str] = "onnx"
    produces: ClassVar[str] = "openvino"
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("store",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    helpful: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("openvino", "nncf")
    extra: ClassVar[str | None] = "nncf"
    agrees_db: ClassVar[float] = 3.0
    """Below that, the error is half of the signal: a file that computes something else, not one that rounds."""

    def __post_init__(self) -> None:
        if self.bits not in (8, 4):
            raise BadInput(f"openvino_store_int: bits must be 8 or 4, not {self.bits}")

    def apply(self, model: Model, context: Context) -> Model:
        """The folder. Raises `MissingExtra` without NNCF, `NotApplicable` where no weight is stored in so few bits."""
        with needing("nncf"), unreported():
            import nncf
        from thimble.steps.export._exporting import quiet
        from thimble.steps.export._openvino import read, stored, written

        nncf.set_log_level(logging.ERROR)
        whole = self.bits == 8
        how = {"mode": nncf.CompressWeightsMode.INT8_SYM if whole else nncf.CompressWeightsMode.INT4_SYM}
        more = {} if whole else {"group_size": self.group, "ratio": 1.0, "all_layers": True}
        try:
            with quiet():
                network = nncf.compress_weights(read(model), **how, **more)
        except Exception as error:  # NNCF raises all kinds, such as for a group that a row isn't a multiple of
            raise StepFailed(f"NNCF can't store these weights in {self.bits} bits: {first_line(error)}") from error
        types = stored(network)
        if not any(name in types for name in (("i8", "u8") if whole else ("i4", "u4"))):
            raise NotApplicable(f"NNCF stores no weight of this network in {self.bits} bits; convolutions get 8 at least")
        return written(network, model, context, stored_weights=types)
