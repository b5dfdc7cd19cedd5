"""A site: machines that jobs can be sent to. One kind a file in `thimble.engine.kinds`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from thimble.core.job import Engine
    from thimble.core.study import Environment
    from thimble.engine.bench import Bench


@runtime_checkable
class Site(Protocol):
    """Where an engine's jobs run. It is made from the address behind the kind's name, empty where there is none."""

    def describe(self, distributions: Iterable[str], device: str) -> Environment:
        """The conditions on the device, as the machine that measures on it sees them."""
        ...

    def cores(self, device: str) -> int:
        """How many cores may be used on the device."""
        ...

    def start(self, bench: Bench) -> Engine:
        """An engine for one study. Closing it leaves the site."""
        ...
