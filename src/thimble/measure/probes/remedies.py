"""What is usually advised, tried on the artifact itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.subject import Subject

if TYPE_CHECKING:
    from thimble.core.task import Arrays

ROUNDS = 12
FLUSHED = "subnormal weights set to zero"
LEVEL = "graph_optimization_level"
OPTIMISATIONS = ("extended", "basic")
"""Lower levels of ONNX Runtime's own optimisation: the highest changes layouts, which can cost a small network more than it gains."""


class Remedies:
    """Advice that takes seconds to try on an ONNX file: subnormal weights set to zero, less optimisation by ONNX Runtime.

    Each is a copy of the artifact that is measured beside it, in the same interleaved rounds.
    """

    title: ClassVar[str] = "what is usually advised, tried"
    slow: ClassVar[bool] = True

    def observe(self, subject: Subject, inputs: Arrays) -> dict[str, Any]:
        """``tried``: by remedy ``value``, ``low`` and ``high``, how many times faster it makes the artifact; ``not available`` and why."""
        import tempfile

        from thimble.core.sampling import Sampling
        from thimble.measure.latency import measure_latency
        from thimble.stats import speedup_in

        if subject.runtime != "onnxruntime" or subject.artifact.format != "onnx":
            return {"not available": "advice is tried on ONNX files in ONNX Runtime"}
        with tempfile.TemporaryDirectory() as folder:
            tried = [*_flushed(subject, Path(folder)), *_less_optimised(subject)]
            run = measure_latency([subject, *tried], inputs, Sampling(rounds=ROUNDS, warmup_s=2.0))
        found = {one.name: speedup_in(run, one.name) for one in tried}
        told = {name: {"value": gain.value, "low": gain.low, "high": gain.high} for name, gain in found.items() if gain is not None}
        return {"tried": told} if told else {"not available": "no round was quiet enough"}


def _flushed(subject: Subject, folder: Path) -> list[Subject]:
    """The artifact with its subnormal weights set to zero, where it has any."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    from thimble.core.subgraphs import graphs_of

    model, changed = onnx.load(str(subject.folder / subject.artifact.main)), False
    for graph in graphs_of(model.graph):
        for tensor in graph.initializer:
            if tensor.data_type not in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE):
                continue
            values = numpy_helper.to_array(tensor)
            subnormal = (values != 0) & (np.abs(values) < np.finfo(values.dtype).tiny)
            if subnormal.any():
                tensor.CopyFrom(numpy_helper.from_array(np.where(subnormal, 0, values).astype(values.dtype), tensor.name))
                changed = True
    if not changed:
        return []
    place = folder / subject.artifact.main
    place.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(place), save_as_external_data=True, location="weights.data")
    return [replace(subject, name=FLUSHED, folder=folder)]


def _less_optimised(subject: Subject) -> list[Subject]:
    if LEVEL in subject.options:
        return []
    return [replace(subject, name=f"{LEVEL}={level}", options={**subject.options, LEVEL: level}) for level in OPTIMISATIONS]
