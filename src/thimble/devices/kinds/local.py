"""This machine."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from thimble.core.study import Environment
from thimble.core.subject import Subject
from thimble.devices import lock
from thimble.devices.environment import environment
from thimble.devices.machine import THIS, Machine
from thimble.devices.process import Worker


class Local:
    """This machine: workers are child processes, and artifacts lie where they are."""

    def describe(self, distributions: Iterable[str] = ()) -> Environment:
        """The conditions here and now."""
        return environment(distributions)

    def reserve(self) -> AbstractContextManager[None]:
        """Hold this machine's measuring lock."""
        return lock.measuring_lock()

    def place(self, folder: Path) -> Path:
        """The folder itself."""
        return folder

    def machine(self) -> Machine:
        """This machine."""
        return THIS

    def start(self, subject: Subject) -> Worker:
        """A worker in a process of its own, not open yet."""
        return Worker(subject)
