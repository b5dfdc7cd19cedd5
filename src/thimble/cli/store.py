"""``thimble store``."""

from __future__ import annotations

import math

import click

from thimble.cli._json import Command, Form, json_option, say_answer
from thimble.cli._say import say
from thimble.core.values import MB

KINDS = {"steps": "finished steps", "values": "measurements", "outputs": "baseline outputs", "scratch": "unfinished work"}


@click.command("store", cls=Command)
@click.option("--prune", is_flag=True, help="Remove entries that were not used for --days.")
@click.option(
    "--days", type=click.FloatRange(0), default=30.0, show_default=True, help="Age of the entries that --prune removes; 0 removes all."
)
@click.option("--max", "most", metavar="SIZE", help="Limit the store's size from now on, such as 5GB; none removes the limit.")
@json_option()
def command(prune: bool, days: float, most: str | None, as_json: Form | None) -> None:
    """Show or prune the store of finished work.

    The store is in $THIMBLE_STORE, else in the user's cache folder. Deleting it costs only the time to do the work again.
    With a limit, the least recently used entries are removed now, and whenever a command starts while no other command
    uses the store.
    """
    from thimble.core.errors import BadInput
    from thimble.engine.store import Amount, Store
    from thimble.engine.tidy import bytes_of

    if not days < math.inf:  # not a number, too
        raise BadInput(f"--days is {days}; give a number of days")
    limit = None if most is None or most == "none" else bytes_of(most)
    store = Store()
    removed = [store.prune(days)] if prune else []
    removed += [store.keep_within(limit)] if most is not None else []
    gone = Amount(sum(count for count, _ in removed), sum(freed for _, freed in removed)) if removed else None
    found = store.contents(gone)
    if as_json:
        say_answer("store", found)
        return
    if gone:
        say(f"removed {gone.entries} entries, {gone.bytes / MB:.1f} MB")
    bound = "" if found.limit is None else f" of at most {found.limit / MB:,.1f}"
    say(f"{found.root}: {found.whole.entries} entries, {found.whole.bytes / MB:.1f} MB{bound}")
    for kind, words in KINDS.items():
        held = found.kinds.get(kind, Amount(0, 0))
        say(f"  {words}: {held.entries}, {held.bytes / MB:.1f} MB")
