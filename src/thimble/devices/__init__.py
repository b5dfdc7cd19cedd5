"""Where artifacts run: one kind of device a file in `kinds`, the worker script, its process, and the measuring lock."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from thimble.core.errors import BadInput, UnknownName
from thimble.core.paths import user_config
from thimble.core.registry import DEVICES
from thimble.devices.machine import THIS, Machine

if TYPE_CHECKING:
    from thimble.core.device import Device
    from thimble.core.study import Environment
    from thimble.core.subject import Subject
    from thimble.devices.process import Worker

LOCAL = "local"


def device(name: str = LOCAL) -> Device:
    """The device of that name: a kind (``local``), a kind with an address (``ssh://user@host:port``), or one that the user named.

    Names stand in ``devices.toml`` (see `named`). Raises `UnknownName` for anything else, `BadInput` for an address that is none.
    """
    kind, colon, address = name.partition(":")
    if name not in DEVICES.names() and not (colon and kind in DEVICES.names()):
        kind, colon, address = named(name).partition(":")
    cls = DEVICES.get(kind)
    found: Device = cls(address.removeprefix("//")) if colon else cls()
    return found


def named(name: str) -> str:
    """The address behind a name in the user's ``devices.toml``; raises `UnknownName` with the names that are there."""
    known = names()
    if name not in known:
        raise UnknownName("device", name, [*DEVICES.names(), *known])
    return known[name]


def names() -> dict[str, str]:
    """Addresses by name, as ``~/.config/thimble/devices.toml`` has them: ``pi4 = "ssh://pi@192.168.1.7"``.

    Raises `BadInput` for a file that can't be read, or whose values are no texts.
    """
    import tomllib

    path = user_config("devices.toml")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} can't be read: {error}") from error
    for key, value in values.items():
        if not isinstance(value, str) or value.partition(":")[0] not in DEVICES.names():
            raise BadInput(f'{path}: {key} must be an address such as "ssh://pi@192.168.1.7", not {value!r}')
    return values


def machine_of(name: str = LOCAL) -> Machine:
    """What a measuring run asks of a device's machine."""
    ask = getattr(device(name), "machine", None)
    return ask() if ask else THIS


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
