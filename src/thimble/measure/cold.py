"""What starting costs: load time, the first inference, and peak memory, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thimble.core.study import Cold
from thimble.devices.process import Worker

if TYPE_CHECKING:
    from thimble.core.task import Arrays


def cold_of(worker: Worker, inputs: Arrays) -> Cold:
    """Return the cost of starting a worker that was just opened and has run nothing yet; it stays usable.

    ``load_ms`` is opening the artifact in a runtime that is imported already (its file may be in the system's
    cache). ``empty_mb`` is resident memory before opening it, ``peak_mb`` the most until after the first
    inference. Raises `RuntimeFailed`.
    """
    opened = worker.open()
    _, first_ms = worker.run_timed(inputs)
    return Cold(opened.load_ms, first_ms, opened.empty_mb, worker.memory()[1], opened.precision, opened.arena_bytes)
