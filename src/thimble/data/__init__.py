"""Where data comes from: one kind of task per file, each with disjoint splits and a metric."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

from thimble.core.errors import BadInput, UnknownName
from thimble.core.registry import METRICS, TASKS
from thimble.core.study import SplitInfo, TaskInfo
from thimble.core.task import Task, TaskSpec
from thimble.core.text import is_text
from thimble.data._beginning import Beginning
from thimble.data._checks import NEEDED, check_disjoint, check_finite, check_task, fit_to, present_splits
from thimble.data._made import made_inputs
from thimble.data._metric import UNDECIDED, WithMetric, judged
from thimble.data._own import array_task, dataset_task
from thimble.data._preprocess import reading_notes
from thimble.data._split import SplitTask

__all__ = [
    "NEEDED",
    "UNDECIDED",
    "Beginning",
    "TaskSource",
    "array_task",
    "check_disjoint",
    "check_finite",
    "check_task",
    "dataset_task",
    "fit_to",
    "judged",
    "made_inputs",
    "open_task",
    "present_splits",
    "source_name",
    "split_info",
    "task_info",
]


@runtime_checkable
class TaskSource(Protocol):
    """Opens tasks of one kind. ``form`` is what users write; ``needs`` the modules it imports, ``extra`` their extra."""

    title: ClassVar[str]
    form: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    extra: ClassVar[str | None]

    def open(self, spec: TaskSpec) -> Task:
        """The task; raises `BadInput` with one line where the data can't be used."""
        ...


def open_task(spec: TaskSpec) -> Task:
    """The task that ``spec`` asks for: ``digits``, ``imagefolder:DIR``, ``npz:FILE``, ``file.py:function``, ...

    Raises `UnknownName` with the known forms, `BadInput` in one line where the data can't be used.
    """
    source: TaskSource = TASKS.get(source_name(spec.spec))()
    task = source.open(spec)
    if task.preprocess is not None and isinstance(task, SplitTask):
        task.notes = (*reading_notes(spec, task.preprocess), *task.notes)
    if spec.metric is not None:
        METRICS.get(spec.metric)
        task = WithMetric(task, spec.metric, (f"scored by {spec.metric}, as asked for",))
    for text in (task.name, *task.labels):
        if not is_text(str(text)):
            raise BadInput(f"{spec.spec} holds the name {text!r}, which is not UTF-8 text; rename it")
    return task


def source_name(text: str) -> str:
    """The registered kind of task that a specification such as ``imagefolder:photos`` belongs to."""
    head = text.partition(":")[0]
    if head in TASKS.names() and head != "file":
        return head
    if ".py:" in text or text.endswith(".py"):
        return "file"
    raise UnknownName("data", text, [TASKS.get(name).form for name in TASKS.names()])


def split_info(task: Task) -> dict[str, SplitInfo]:
    """Number of samples and fingerprint of every split that the task has."""
    return {name: SplitInfo(len(split), split.fingerprint()) for name, split in present_splits(task).items()}


def task_info(spec: str, task: Task) -> TaskInfo:
    """The data as a study keeps them: how they were asked for, their metric, and their splits."""
    metric = METRICS.get(task.metric)
    return TaskInfo(
        spec=spec,
        name=task.name,
        metric=task.metric,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        labels=task.labels,
        splits=split_info(task),
        preprocess=task.preprocess,
        notes=task.notes,
        binary=metric.binary,
    )
