"""What devices there are, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from thimble.core.errors import ThimbleError
from thimble.core.processor import int8_support
from thimble.core.registry import RUNTIMES
from thimble.core.study import Environment


@dataclass(frozen=True)
class Probed:
    """A device: its conditions, what its processor does with 8-bit products, its temperature; or why it can't be reached."""

    name: str
    environment: Environment | None = None
    int8: str = ""
    celsius: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Devices:
    """Devices in the order that they were asked for."""

    devices: tuple[Probed, ...]


def probed(names: Sequence[str] = ()) -> Devices:
    """Ask each device; by default this machine and those that the user named in ``devices.toml``."""
    from thimble import devices

    return Devices(tuple(_probe(name) for name in names or ("local", *devices.names())))


def _probe(name: str) -> Probed:
    from thimble.devices import environment_of, machine_of

    packages = {cls.distribution for cls in RUNTIMES.all().values()}
    try:
        conditions = environment_of(packages, name)
        return Probed(name, conditions, int8_support(conditions.features), machine_of(name).celsius())
    except ThimbleError as error:
        return Probed(name, problem=str(error))
