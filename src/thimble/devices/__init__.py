"""Where artifacts run: one kind of device a file in `kinds`, the worker script, its process, and the measuring lock."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from thimble.core.registry import DEVICES

if TYPE_CHECKING:
    from thimble.core.device import Device
    from thimble.core.study import Environment
    from thimble.core.subject import Subject
    from thimble.devices.process import Worker

LOCAL = "local"


def device(name: str = LOCAL) -> Device:
    """The device of that name; raises `UnknownName`."""
    found: Device = DEVICES.get(name)()
    return found


def start(subject: Subject) -> Worker:
    """A channel to a worker for the subject on its device, not open yet."""
    found: Worker = device(subject.device).start(subject)
    return found


def reserve(name: str = LOCAL) -> AbstractContextManager[None]:
    """Hold a device for one measuring at a time."""
    return device(name).reserve()


def environment_of(distributions: Iterable[str] = (), name: str = LOCAL) -> Environment:
    """The conditions on a device."""
    return device(name).describe(distributions)
