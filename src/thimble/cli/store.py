"""``thimble store``."""

from __future__ import annotations

import math

import click

from thimble.cli._say import say
from thimble.core.values import MB


@click.command("store")
@click.option("--prune", is_flag=True, help="Remove what was not used for --days.")
@click.option("--days", type=click.FloatRange(0), default=30.0, show_default=True, help="With --prune; 0 removes everything.")
@click.option("--max", "most", metavar="SIZE", help="Keep it at this size from now on, such as 5GB; none takes the limit away.")
def command(prune: bool, days: float, most: str | None) -> None:
    """Say where finished work is kept and how large it is, or prune it.

    The store lies in $THIMBLE_STORE, else in the user's cache folder. Removing it costs nothing but the time to do
    the work again. With a limit, what was not used for the longest time is removed, now and whenever a command starts
    while no other one uses the store.
    """
    from thimble.core.errors import BadInput
    from thimble.engine.store import Store
    from thimble.engine.tidy import bytes_of, limit_of

    if not days < math.inf:  # not a number, too
        raise BadInput(f"--days is {days}; give a number of days")
    limit = None if most is None or most == "none" else bytes_of(most)
    store = Store()
    removed = [store.prune(days)] if prune else []
    removed += [store.keep_within(limit)] if most is not None else []
    if removed:
        say(f"removed {sum(count for count, _ in removed)} entries, {sum(freed for _, freed in removed) / MB:.1f} MB")
    entries, kept = list(store.entries()), limit_of(store.root)
    bound = "" if kept is None else f" of at most {kept / MB:,.1f}"
    say(f"{store.root}: {len(entries)} entries, {sum(entry.bytes for entry in entries) / MB:.1f} MB{bound}")
    for kind, words in (
        ("steps", "finished steps"),
        ("values", "measurements"),
        ("outputs", "baseline outputs"),
        ("scratch", "unfinished work"),
    ):
        of_kind = [entry for entry in entries if entry.kind == kind]
        say(f"  {words}: {len(of_kind)}, {sum(entry.bytes for entry in of_kind) / MB:.1f} MB")
