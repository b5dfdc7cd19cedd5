"""Whether two ONNX files answer alike, in dB, on the same inputs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thimble.core.task import Arrays


def answers(file: Path | bytes, inputs: Arrays, threads: int = 1) -> Arrays:
    """The outputs by name, from one run in ONNX Runtime. Raises what ONNX Runtime raises."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, threads
    session = onnxruntime.InferenceSession(file if isinstance(file, bytes) else str(file), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def agreement_db(wanted: Arrays, given: Arrays) -> float:
    """The lowest signal-to-noise ratio over the outputs; minus infinity where names, shapes or places of NaN differ."""
    if wanted.keys() != given.keys():
        return -math.inf
    return min((_sqnr_db(value, given[name]) for name, value in wanted.items()), default=math.inf)


def _sqnr_db(wanted: Any, given: Any) -> float:
    import numpy as np

    if not isinstance(wanted, np.ndarray) or wanted.dtype.kind not in "biuf":
        return math.inf if np.array_equal(wanted, given) else -math.inf
    if wanted.shape != given.shape:
        return -math.inf
    wanted, given = wanted.astype(np.float64), given.astype(np.float64)
    finite = np.isfinite(wanted)
    if not np.array_equal(finite, np.isfinite(given)):
        return -math.inf
    signal, noise = float(np.square(wanted[finite]).sum()), float(np.square(wanted[finite] - given[finite]).sum())
    return math.inf if noise == 0 else 10 * math.log10(max(signal, 1e-300) / noise)
