"""Where jobs run: one engine a file in `kinds` around `execute`, the store, addresses, and the process that steps run in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thimble.core.registry import ENGINES

if TYPE_CHECKING:
    from thimble.core.job import Engine
    from thimble.engine.bench import Bench
    from thimble.engine.sites import Site

LOCAL = "local"


def site(name: str = LOCAL) -> Site:
    """The place of that name where jobs run: a kind (``local``), or a kind with an address (``KIND:ADDRESS``).

    Raises `UnknownName`, `BadInput` for an address that can't be, `MissingExtra` where the kind's library is absent.
    """
    kind, _, address = name.partition(":")
    found: Site = ENGINES.get(kind)(address)
    return found


def engine_at(bench: Bench, name: str = LOCAL) -> Engine:
    """The engine that does a study's jobs; by default with this machine's own processes, one job after the other."""
    return site(name).start(bench)
