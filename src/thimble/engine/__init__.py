"""Where jobs run: one engine a file around `execute`, the store, addresses, and the process that steps run in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thimble.core.job import Engine
    from thimble.engine.bench import Bench


def engine_at(bench: Bench) -> Engine:
    """The engine that does a study's jobs: this machine's own processes, one job after the other."""
    from thimble.engine.local import Local

    return Local(bench)
