"""The engine of this machine: one job after the other, in the order in which they were submitted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from thimble.core.errors import ThimbleError
from thimble.core.job import Job, Outcome
from thimble.core.step import Progress
from thimble.engine.bench import Bench
from thimble.engine.build import Failed
from thimble.engine.execute import execute, known


class LocalEngine:
    """Does jobs at the bench; steps and artifacts run in processes of their own, so that none of them can end this one."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Take a job; it is done when its turn comes in `wait`."""
        self._jobs.append(job)

    def wait(self, tell: Callable[[Job], Progress]) -> Outcome:
        """Do the next job."""
        job = self._jobs.popleft()
        progress = tell(job)
        progress(0.0, "")
        try:
            return Outcome(job, execute(job, self.bench, progress))
        except Failed as error:
            return Outcome(job, error=error.cause, steps=error.steps)
        except ThimbleError as error:
            return Outcome(job, error=error)

    def running(self) -> int:
        """Jobs whose turn has not come."""
        return len(self._jobs)

    def room(self) -> int:
        """One job at a time."""
        return 0 if self._jobs else 1

    def doing(self) -> frozenset[str]:
        """The candidates whose jobs wait for their turn."""
        return frozenset(job.candidate for job in self._jobs)

    def cancel(self, candidate: str) -> None:
        """Take its jobs out of the queue, and end its process."""
        self._jobs = deque(job for job in self._jobs if job.candidate != candidate)
        self.bench.pool.forget(candidate)

    def known(self, job: Job) -> bool:
        """Return whether the store holds the result."""
        return known(job, self.bench)

    def opening_s(self) -> float:
        """About what starting a process and opening an artifact in it takes."""
        return self.bench.pool.opening_s

    def close(self) -> None:
        """End every process."""
        self.bench.close()
