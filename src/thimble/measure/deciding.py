"""The number above which an output decides for class 1: 0.5 for a probability, 0 for a logit.

The baseline's tells, for all candidates alike: by the operator that its graph ends with, else by the values of all its outputs.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.subject import Subject
from thimble.core.task import Metric
from thimble.formats import ending_of
from thimble.measure.metrics._outputs import single, threshold_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE = "threshold.json"
"""Lies beside outputs that are kept, with the threshold that they were scored by."""
BY_ENDING = {"sigmoid": 0.5, "softmax": 0.5, "linear": 0.0, "log_softmax": 0.0}


def graph_threshold(subject: Subject) -> float | None:
    """Return the threshold that an artifact's graph tells; ``None`` where it ends with anything else."""
    return BY_ENDING.get(ending_of(subject.folder, subject.artifact) or "")


def needs_threshold(metric: Metric, values: NDArray[Any], targets: NDArray[Any] | None) -> bool:
    """Return whether scores depend on a threshold: one number per decision, or several labels for each sample."""
    labels = targets is not None and targets.ndim == 2 and targets.shape == values.shape
    return hasattr(metric, "threshold") and (single(values) or labels)


def with_threshold(metric: Metric, threshold: float | None) -> Metric:
    """Return the metric with a threshold where it takes one and one is known."""
    if threshold is None or not hasattr(metric, "threshold"):
        return metric
    changed: Metric = replace(metric, threshold=threshold)  # type: ignore[type-var]
    return changed


def keep_threshold(folder: Path, threshold: float | None) -> None:
    """Write the threshold beside outputs that are kept."""
    (folder / FILE).write_text(json.dumps(threshold))


def kept_threshold(folder: Path, outputs: NDArray[Any]) -> float:
    """Return the threshold beside kept outputs, or what their values tell."""
    try:
        found = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        found = None
    return float(found) if isinstance(found, int | float) else threshold_of(outputs)
