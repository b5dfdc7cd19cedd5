"""The same data under another metric."""

from __future__ import annotations

from collections.abc import Mapping

from thimble.core.head import Shapes, metric_without_labels
from thimble.core.task import Split, Task

UNDECIDED = "agreement"
"""The metric of data without labels until the model's outputs are known."""


class WithMetric:
    """A task with another metric; everything else is as it was."""

    def __init__(self, task: Task, metric: str, notes: tuple[str, ...] = ()) -> None:
        self._task, self.metric = task, metric
        self.name, self.labels, self.preprocess = task.name, task.labels, task.preprocess
        self.notes = (*task.notes, *notes)

    def split(self, name: str) -> Split:
        """One of the task's splits."""
        return self._task.split(name)


def judged(task: Task, shapes: Shapes, endings: Mapping[str, str]) -> Task:
    """Return the task with the metric that suits the model's outputs, where the data have no labels; else the task as it is.

    ``shapes`` and ``endings`` are what `thimble.core.head.metric_without_labels` takes.
    """
    if task.metric != UNDECIDED or not shapes:
        return task
    metric = metric_without_labels(shapes, endings)
    return task if metric == UNDECIDED else WithMetric(task, metric, (f"the data have no labels: {MEANING[metric]}",))


MEANING = {
    "fidelity": "quality is the relative error of the outputs against the baseline's",
    "box_agreement": "quality is the agreement of the decoded boxes with the baseline's",
    "text_agreement": "quality is the agreement of the decoded text with the baseline's",
    "map_agreement": "quality is the share of pixels that are decided as the baseline decides them",
}
