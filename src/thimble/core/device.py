"""A device: where artifacts run. One kind a file in `thimble.devices.kinds`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from thimble.core.study import Environment
from thimble.core.subject import Subject


@runtime_checkable
class Device(Protocol):
    """Where artifacts run. What is chosen for a processor is chosen for the one that `describe` names, never for the host's."""

    def describe(self, distributions: Iterable[str] = ()) -> Environment:
        """The conditions there: processor, cores, memory, and the versions of packages."""
        ...

    def reserve(self) -> AbstractContextManager[None]:
        """Hold the device for one measuring at a time; raises `Busy` where another one holds it for long."""
        ...

    def place(self, folder: Path) -> Path:
        """Bring an artifact's folder to the device; return its path there."""
        ...

    def machine(self) -> Any:
        """What a measuring run asks of the machine there: load, clock, memory, cores (`thimble.devices.machine.Machine`)."""
        ...

    def start(self, subject: Subject) -> Any:
        """A channel to a worker for the subject, not open yet (`thimble.devices.process.Worker`)."""
        ...
