"""``thimble doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from thimble.api.request import Doctor
from thimble.cli._json import Command, Form, json_option, say_answer, say_study
from thimble.cli._options import options, request_of
from thimble.cli._say import say

if TYPE_CHECKING:
    from thimble.api.machine import Machine, RuntimeState


@click.command("doctor", cls=Command)
@click.argument("artifact", required=False, metavar="[MODEL_OR_DIR]")
@options(Doctor)
@json_option(raw=True)
def command(artifact: str | None, as_json: Form | None, **given: Any) -> None:
    """Describe this machine, or explain an artifact's figures.

    For an artifact, doctor says why it is not faster, not smaller or less accurate than expected.
    MODEL_OR_DIR is a study's folder, an artifact's folder, a model's file, or a model such as
    torchvision:resnet18.
    """

    if artifact is None:
        from thimble.api.machine import machine

        found = machine()
        if as_json:
            say_answer("machine", found)
        else:
            say(*described(found))
        return
    from thimble.api.doctor import examine
    from thimble.cli._causes import explained
    from thimble.cli._progress import Show
    from thimble.study.telling import Event

    with Show() as show:
        study = examine(artifact, request_of(Doctor, given), lambda done, words: show(Event(done, words)))
    if as_json:
        say_study(study, as_json)
    else:
        say(*explained(study))


def described(found: Machine) -> list[str]:
    """The machine in lines."""
    from thimble.cli._causes import lines

    conditions = found.environment
    clock = f", {found.clock_mhz:,.0f} MHz" if found.clock_mhz else ""
    free = f", {found.available_mb / 1000:.1f} GB of it free" if found.available_mb is not None else ""
    load = "unknown" if found.load is None else f"{100 * found.load:.0f} % of all cores in use"
    rows = [
        ("processor", f"{conditions.processor}{clock}"),
        ("instructions", " ".join(conditions.features) or "none known"),
        ("INT8", found.int8_means),
        ("cores", f"{found.cores} available, {found.threads} hardware threads in all"),
        ("governor", conditions.governor),
        ("memory", f"{conditions.memory_mb / 1000:.1f} GB{free}"),
        ("load now", load),
        ("energy", found.energy),
        ("system", f"{conditions.system}, Python {conditions.python}"),
    ]
    rows += [(runtime.title, _state(runtime)) for runtime in found.runtimes]
    rows += [("advice", text) for text in found.advice]
    return lines(rows)


def _state(runtime: RuntimeState) -> str:
    """A runtime's version and the other Python that it runs in, or how to install it."""
    if runtime.version is None:
        return f"missing: {runtime.install}"
    return f"{runtime.version} in {runtime.python}" if runtime.python else runtime.version
