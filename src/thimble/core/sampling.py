"""The length of a measuring run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from thimble.core.errors import BadInput
from thimble.core.option import Option
from thimble.core.values import LONGEST_S, seconds_of, share_of

FINEST = 0.0001
"""No machine's speedups are known any better, however long they are measured."""

Time = Annotated[
    float,
    Meta(gt=0, le=LONGEST_S),
    Option(metavar="TIME", form="a length of time such as 2m, above 0 and up to a year", read=seconds_of),
]
"""Seconds, which a text may give in minutes or hours."""


@dataclass(frozen=True)
class Sampling:
    """How long to measure. Without ``seconds``, ``precision`` or ``rounds``: 25 rounds.

    ``rounds`` is an exact number. ``precision`` goes on until the 95 % interval of every member's speedup is within
    that share of it (0.02 for +-2 %), or ``longest_s`` are over. ``seconds`` is for the whole run, warm-up aside,
    though at least five rounds are measured; beside ``precision`` it takes the place of ``longest_s``.
    Only rounds that no other program disturbed count. Others are repeated, up to ``patience`` times as many as are asked for.
    ``warmup_s`` limits the warm-up of one member. ``batch`` is what the inputs hold, for the record.

    With ``reopen`` the members' processes are opened anew, in a random order, after every eight rounds or more, where
    they have measured at least as long as opening them took: what a process settles at its start is then drawn several
    times, and averages out. ``seconds`` then holds the later openings, too, and ``precision`` is that of the whole
    interval (`thimble.stats.speedup_interval`); without it ``precision`` is that of what the rounds show.
    """

    seconds: Annotated[Time, Option("Time to measure the artifacts together, such as 60s or 2m.", default="25 rounds")] | None = None
    precision: (
        Annotated[
            float,
            Meta(ge=FINEST, lt=1),
            Option(
                "Measure until every speedup is known to within this share, such as 2%.",
                metavar="SHARE",
                form="a share such as 2%, from 0.01% to below 100%",
                read=share_of,
            ),
        ]
        | None
    ) = None
    rounds: int | None = None
    seed: int = 0
    batch: int = 1
    warmup_s: float = 10.0
    longest_s: float = 300.0
    reopen: bool = False
    patience: float = 3.0

    def __post_init__(self) -> None:
        for name in ("seconds", "precision", "rounds", "batch", "warmup_s", "longest_s", "patience"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise BadInput(f"{name} is {value}; it must be above 0")
        if self.precision is not None and not FINEST <= self.precision < 1:
            raise BadInput(f"--precision is {100 * self.precision:g} %; it must be from {100 * FINEST:g} % to below 100 %")
        if max(self.seconds or 0, self.longest_s) > LONGEST_S:
            raise BadInput(f"--seconds is {max(self.seconds or 0, self.longest_s):g} s; a year is the most")
