"""This machine: its own processes do one job after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from thimble.core.errors import BadInput

if TYPE_CHECKING:
    from thimble.core.study import Environment
    from thimble.engine.bench import Bench
    from thimble.engine.local import LocalEngine


class Local:
    """This machine as a place where jobs run."""

    def __init__(self, address: str = "") -> None:
        if address:
            raise BadInput(f"--engine local:{address}: this machine has no address; give local alone")

    def describe(self, distributions: Iterable[str], device: str) -> Environment:
        """The conditions on a device of this machine."""
        from thimble.devices import environment_of

        return environment_of(distributions, device)

    def cores(self, device: str) -> int:
        """How many cores may be used there."""
        from thimble.devices import machine_of

        return machine_of(device).cores()

    def start(self, bench: Bench) -> LocalEngine:
        """The engine for one study."""
        from thimble.engine.local import LocalEngine

        return LocalEngine(bench)
