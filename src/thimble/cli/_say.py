"""What commands write to the terminal: the only place that does, so that no text from outside can command it."""

from __future__ import annotations

import re

import click

from thimble.core.text import line, unseen


def say(*lines: object) -> None:
    """Write each text as one line on standard output."""
    for text in lines:
        click.echo(line(text))


def say_aside(*lines: object) -> None:
    """Write each text as one line on standard error."""
    for text in lines:
        click.echo(line(text), err=True)


def say_json_text(text: str) -> None:
    """Write JSON on standard output; characters that a terminal would obey stand in it as escapes, which mean the same."""
    click.echo(re.sub(r"[^\n\x20-\x7e]", lambda found: _escape(found[0]), text))


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)) if unseen(char) else char
