"""``thimble setup``."""

from __future__ import annotations

import click

from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._say import say, say_aside


@click.command("setup", cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("runtime", required=False, metavar="[RUNTIME]")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[PIP_OPTION]...")
@click.option("--remove", is_flag=True, help="Remove the runtime's environment.")
@json_option()
def command(runtime: str | None, options: tuple[str, ...], remove: bool, as_json: Form | None) -> None:
    """Make an environment of its own for RUNTIME, or list them.

    A runtime and its exporters then run there, where they can't be installed beside everything else. Thimble finds
    the environment again without further configuration; it holds the versions that Thimble is tested with. The size
    on the disk is told first. Ctrl-C interrupts, and the same command continues. PIP_OPTION is given to pip install.

    \b
    thimble setup litert
    thimble setup litert --extra-index-url URL
    thimble setup litert --remove
    """
    from thimble.api import setup as made
    from thimble.core.errors import BadInput

    if runtime is None:
        if remove or options:
            raise BadInput("name the runtime: thimble setup litert")
        found = made.listed()
        if as_json:
            say_answer("environments", found)
            return
        for one in found.environments:
            say(f"{one.name}: {one.state}, {one.mb:,} MB, {one.folder}" if one.state != "absent" else f"{one.name}: absent, {one.mb:,} MB")
        return
    environment = made.remove(runtime) if remove else made.setup(runtime, options, say_aside)
    if as_json:
        say_answer("environments", made.Environments((environment,)))
    elif remove:
        say(f"{environment.folder} is removed")
    else:
        say(f"{environment.title} is ready: {environment.python}")
