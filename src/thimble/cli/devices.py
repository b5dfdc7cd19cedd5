"""``thimble devices``."""

from __future__ import annotations

import click

from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._say import say


@click.command("devices", cls=Command)
@click.argument("names", nargs=-1, metavar="[DEVICE]...")
@json_option()
def command(names: tuple[str, ...], as_json: Form | None) -> None:
    """List devices with their processor, memory and runtimes.

    DEVICE is local, ssh://user@host:port, or a name in devices.toml (in ~/.config/thimble); the default is this machine and
    every named device. Clock governor and temperature are shown too. A device that can't be reached is listed with the
    reason.
    """
    from thimble.api.devices import probed

    found = probed(names)
    if as_json:
        say_answer("devices", found)
        return
    for one in found.devices:
        if one.problem:
            say(f"{one.name}: {one.problem}")
            continue
        had = one.environment
        assert had is not None
        runtimes = ", ".join(f"{name} {version}" for name, version in had.versions.items()) or "none"
        heat = f", {one.celsius:.0f} degrees Celsius" if one.celsius else ""
        say(f"{one.name}: {had.processor}, {had.cores} cores, {had.memory_mb / 1000:.1f} GB, {had.system}, Python {had.python}")
        say(f"  8-bit products: {one.int8}; {' '.join(had.features)}", f"  packages: {runtimes}", f"  governor {had.governor}{heat}")
