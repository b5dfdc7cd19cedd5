"""Whether a file with weights stored in FP16 answers as the same network with rounded weights does: what is lost is then the rounding's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from thimble.core.model import fed
from thimble.core.task import Batch
from thimble.core.values import TensorSpec
from thimble.measure.outputs import sqnr_db


def rounded_db(plain: Path, stored: Path, batches: Iterable[Batch], inputs: tuple[TensorSpec, ...]) -> float:
    """SQNR between ``stored`` and the FP32 file ``plain`` with its weights rounded to FP16, that computes in FP32 as before."""
    loaded = onnx.load(str(plain))
    for tensor in loaded.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= 64:
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16).astype(np.float32), tensor.name))
    signal = noise = 0.0
    with tempfile.TemporaryDirectory() as place:
        onnx.save(loaded, f"{place}/rounded.onnx")
        files = (f"{place}/rounded.onnx", str(stored))
        one, other = (onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]) for file in files)
        for batch in batches:
            given = fed(batch.inputs, inputs)
            wanted, found = (session.run(None, given)[0].astype(np.float64) for session in (one, other))
            signal += float((wanted**2).sum())
            noise += float(((wanted - found) ** 2).sum())
    return sqnr_db(signal, noise)
