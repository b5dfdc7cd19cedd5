"""The ranges of stored figures, as types: reading a file checks them, and nothing else has to."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

MOST = 2**53
"""The largest whole number that every reader of JSON holds exactly."""

Count = Annotated[int, Meta(ge=0, le=MOST)]
"""A number of things."""
Several = Annotated[int, Meta(ge=1, le=MOST)]
"""A number of things of which there is one at least."""
Amount = Annotated[float, Meta(ge=0, le=1e15)]
"""A size, a length of time or a rate."""
Positive = Annotated[float, Meta(ge=1e-9, le=1e15)]
"""The same where nothing can't be: a ratio is taken of it."""
Share = Annotated[float, Meta(ge=0, le=1)]
"""A part of a whole."""
Number = Annotated[float, Meta(ge=-1e30, le=1e30)]
"""Any figure whose square is still one."""
Goal = Literal["latency", "size", "memory"]
"""What is made as small as possible."""
