"""Open workers, kept while memory lasts: starting one takes longer than most measurements."""

from __future__ import annotations

import time
from statistics import median

from thimble.core.subject import Subject
from thimble.devices import start
from thimble.devices.process import Worker
from thimble.devices.processor import available_memory_mb

KEPT_FREE = 0.4
"""Share of the machine's memory that must be free for processes to be kept open."""


class Pool:
    """The open workers of some subjects, by name. ``memory_mb`` is what the machine has."""

    def __init__(self, memory_mb: float) -> None:
        self._memory_mb = memory_mb
        self._workers: dict[str, Worker] = {}
        self._opened_s: list[float] = []

    @property
    def opening_s(self) -> float:
        """About what starting a process and opening an artifact in it takes, by those that were; 0 before the first."""
        return median(self._opened_s) if self._opened_s else 0.0

    def worker(self, subject: Subject, deadline: float | None = None) -> Worker:
        """The subject's open worker; started where there is none.

        Raises `OutOfTime` where a new one has not answered at the ``deadline`` of `time.monotonic`, which the worker keeps.
        """
        if subject.name in self.alive():
            return self._workers[subject.name]
        memory = available_memory_mb()
        if memory is not None and memory < KEPT_FREE * self._memory_mb:
            self.close()
        worker, began = start(subject), time.monotonic()
        worker.deadline = deadline
        worker.open()
        self._opened_s.append(time.monotonic() - began)
        self._workers[subject.name] = worker
        return worker

    def fresh(self, subject: Subject, deadline: float | None = None) -> Worker:
        """The subject's worker, just started; ``deadline`` as for `worker`."""
        self.forget(subject.name)
        return self.worker(subject, deadline)

    def alive(self) -> dict[str, Worker]:
        """The open workers, without those that died or failed."""
        self._workers = {name: worker for name, worker in self._workers.items() if worker.opened is not None}
        return self._workers

    def forget(self, name: str) -> None:
        """End the worker of a subject that goes no further."""
        if name in self._workers:
            self._workers.pop(name).close()

    def close(self) -> None:
        """End every worker."""
        while self._workers:
            self._workers.popitem()[1].close()
