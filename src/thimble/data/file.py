"""A task from the user's own code: ``file.py:function``."""

from __future__ import annotations

from typing import Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.registry import METRICS
from thimble.core.task import SPLITS, Task, TaskSpec
from thimble.core.values import listed
from thimble.fetch.user_file import called, foreign, user_function

_ATTRIBUTES = ("name", "metric", "labels", "preprocess", "notes")
_METHODS = ("__len__", "batches", "fingerprint", "sample_ids")


class File:
    """``file.py:function``: a function without arguments that gives a `Task` with its own splits, collation and metric.

    `thimble.data.array_task` and `thimble.data.dataset_task` make one from arrays or from data sets.
    """

    title: ClassVar[str] = "a task from a function in your file"
    form: ClassVar[str] = "FILE.py:FUNCTION"
    needs: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str | None] = None

    def open(self, spec: TaskSpec) -> Task:
        """The task as it came. Raises `BadInput` naming the first thing that a task must have and this one lacks."""
        function, path = user_function(spec.spec)
        task = called(function, spec.spec, path)
        for name in _ATTRIBUTES:
            if not hasattr(task, name):
                raise BadInput(
                    f"{spec.spec} returned a {type(task).__name__} without {name}; a task has {listed(_ATTRIBUTES)} and split(name)"
                )
        if not callable(getattr(task, "split", None)):
            raise BadInput(f"{spec.spec} returned a {type(task).__name__} without a method split(name)")
        METRICS.get(str(task.metric))
        there = [name for name in SPLITS if _has(task, name, spec.spec)]
        if "test" not in there:
            raise BadInput(f"{spec.spec} has no test split; the final figures come from it")
        made: Task = task
        return made


def _has(task: Any, name: str, text: str) -> bool:
    """Return whether the task has the split; raises where what it gives is none."""
    try:
        split = task.split(name)
    except BadInput:
        return False
    except KeyError:
        raise BadInput(f"{text}: split({name!r}) raised KeyError; raise thimble's BadInput for a split that is not there") from None
    except Exception as error:  # the user's own code
        raise BadInput(f"{text}: split({name!r}) failed: {foreign(error)}") from error
    missing = [method for method in _METHODS if not callable(getattr(split, method, None))]
    if missing:
        raise BadInput(f"{text}: split({name!r}) is a {type(split).__name__} without {listed(missing)}")
    return True
