"""Golden samples: real inputs, what the artifact and the baseline answer, and how far another machine's answers may lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.errors import RuntimeFailed
from thimble.core.model import batch_of
from thimble.core.processor import int8_support
from thimble.core.registry import most_threads
from thimble.core.subject import Subject
from thimble.deploy.manifest import Tolerance
from thimble.deploy.payload import proving
from thimble.devices import start

if TYPE_CHECKING:
    from thimble.core.task import Arrays

FLOORS = {"fp32": 1e-4, "fp16": 5e-3, "int8": 2e-2}
"""The least tolerance by precision, as a share of the largest absolute output."""
SPREAD = 3.0
"""Times the largest difference between sessions here that another machine may differ."""
LEVEL = "graph_optimization_level"


@dataclass(frozen=True)
class Answers:
    """Outputs of golden samples by tensor's name, one row each; ``operators`` are the types of operator that ran."""

    outputs: Arrays
    operators: tuple[str, ...] = ()


def answered(subject: Subject, inputs: Arrays) -> Answers:
    """Run an artifact on each sample alone, as a device does. Raises `RuntimeFailed` for outputs that change their shape."""
    import numpy as np

    batch = batch_of(subject.artifact.inputs)
    rows: list[Arrays] = []
    with start(subject) as worker:
        for i in range(len(next(iter(inputs.values())))):
            one = proving.filled({name: array[i : i + 1] for name, array in inputs.items()}, batch)
            outputs = worker.run(one)
            rows.append({name: array[0] if array.ndim and len(array) == (batch or 1) else array for name, array in outputs.items()})
        operators = worker.operators(one) or {}
    for name, first in rows[0].items():
        if any(row[name].shape != first.shape for row in rows):
            raise RuntimeFailed(f"{subject.name}: output {name!r} changes its shape from sample to sample; a bundle can't hold that")
    return Answers({name: np.stack([row[name] for row in rows]) for name in rows[0]}, tuple(sorted(operators)))


def tolerances(subject: Subject, inputs: Arrays, own: Arrays, precision: str) -> dict[str, Tolerance]:
    """How far each output may lie from this artifact's own on another machine.

    Other processors add the same numbers in another order. So the same samples are run here in other ways, with other threads
    and without the graph's optimisations; `SPREAD` times the largest difference is tolerated, and at least the share of the
    largest output that `FLOORS` says. Where INT8 saturates here, the unoptimised graph computes without saturation, which is
    no rounding: then only threads vary.
    """
    ways = _ways(subject, precision)
    spread = dict.fromkeys(own, 0.0)
    for way in ways:
        outputs = answered(way, inputs).outputs
        for name, array in own.items():
            spread[name] = max(spread[name], proving.difference(outputs[name], array))
    return {name: _tolerance(array, spread[name], precision, len(ways)) for name, array in own.items()}


def _ways(subject: Subject, precision: str) -> list[Subject]:
    counts = (1, 2)[: most_threads(subject.runtime)]
    ways = [replace(subject, threads=threads) for threads in counts if threads != subject.threads]
    exact = precision != "int8" or int8_support() != "saturating"
    if subject.runtime == "onnxruntime" and exact and LEVEL not in subject.options:
        ways += [replace(subject, options={**subject.options, LEVEL: level}) for level in ("basic", "disable")]
    return ways


def _tolerance(own: Any, spread: float, precision: str, ways: int) -> Tolerance:
    import numpy as np

    finite = np.abs(own[np.isfinite(own)].astype(np.float64)) if own.dtype.kind == "f" else np.abs(own.astype(np.float64))
    largest = float(finite.max()) if finite.size else 0.0
    floor = FLOORS[precision] * largest
    found = max(SPREAD * spread, floor)
    how = f"{SPREAD:g} x the largest difference of {ways} other sessions ({spread:.3g})"
    if found == floor:
        how = f"{FLOORS[precision]:g} of the largest output ({largest:.4g}), the least for {precision}"
        how += f"; {ways} other sessions differ by {spread:.3g}"
    return Tolerance(float(f"{found:.4g}"), how)


def save_npz(path: Path, arrays: Arrays) -> None:
    """Write arrays as an .npz file whose bytes follow from the arrays alone."""
    import numpy as np

    np.savez(path, allow_pickle=False, **arrays)
