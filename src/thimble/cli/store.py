"""``thimble store``."""

from __future__ import annotations

import math

import click

from thimble.cli._say import say
from thimble.core.values import MB


@click.command("store")
@click.option("--prune", is_flag=True, help="Remove what was not used for --days.")
@click.option("--days", type=click.FloatRange(0), default=30.0, show_default=True, help="With --prune; 0 removes everything.")
def command(prune: bool, days: float) -> None:
    """Say where finished work is kept and how large it is, or prune it.

    The store lies in $THIMBLE_STORE, else in the user's cache folder. Removing it costs nothing but the time to do
    the work again.
    """
    from thimble.core.errors import BadInput
    from thimble.engine.store import Store

    if not days < math.inf:  # not a number, too
        raise BadInput(f"--days is {days}; give a number of days")
    store = Store()
    if prune:
        count, freed = store.prune(days)
        say(f"removed {count} entries, {freed / MB:.1f} MB")
    entries = list(store.entries())
    say(f"{store.root}: {len(entries)} entries, {sum(entry.bytes for entry in entries) / MB:.1f} MB")
    for kind, words in (
        ("steps", "finished steps"),
        ("values", "measurements"),
        ("outputs", "baseline outputs"),
        ("scratch", "unfinished work"),
    ):
        of_kind = [entry for entry in entries if entry.kind == kind]
        say(f"  {words}: {len(of_kind)}, {sum(entry.bytes for entry in of_kind) / MB:.1f} MB")
