"""Time by operator, from the runtime's own profiler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import RuntimeFailed
from thimble.core.subject import Subject

if TYPE_CHECKING:
    from thimble.core.task import Arrays


class Operators:
    """Milliseconds of one inference by operator type, largest first. Profiling costs time itself: compare the shares."""

    title: ClassVar[str] = "time by operator"
    slow: ClassVar[bool] = False

    def observe(self, subject: Subject, inputs: Arrays) -> dict[str, Any]:
        """``ms`` by operator type; or ``not available`` and why."""
        from thimble.core.registry import RUNTIMES
        from thimble.devices import start

        with start(subject) as worker:
            try:
                found = worker.operators(inputs)
            except RuntimeFailed as error:
                return {"not available": str(error)}
        if found is None:
            return {"not available": f"{RUNTIMES.get(subject.runtime).title} has no profiler that is used here"}
        return {"ms": dict(sorted(found.items(), key=lambda pair: -pair[1]))}
