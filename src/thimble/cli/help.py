"""``thimble help``."""

from __future__ import annotations

import sys

import click

from thimble.cli._pages import first_heading, pages
from thimble.cli._say import say


@click.command("help")
@click.argument("topic", required=False)
def command(topic: str | None) -> None:
    """Show a page of the documentation, or list its TOPICs. ``thimble COMMAND --help`` shows a command's options.

    \b
    thimble help
    thimble help measuring
    thimble help fit | less
    """
    from thimble.core.errors import UnknownName

    known = pages()
    if topic is None:
        width = max(map(len, known), default=0)
        say(*(f"{name:<{width}}  {first_heading(text)}" for name, text in known.items()))
        return
    if topic not in known:
        raise UnknownName("topic", topic, known)
    _show(known[topic])


def _show(text: str) -> None:
    """Show Markdown laid out in a terminal, page by page; as it is written in a pipe."""
    if not sys.stdout.isatty():
        say(*text.splitlines())
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=min(100, Console().width))
    with console.pager(styles=True):
        console.print(Markdown(text))
