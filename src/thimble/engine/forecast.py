"""When a step's own progress says that it can't be done in time, its time is better spent on others."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from thimble.core.errors import OutOfTime

FORECAST_S = 15.0
"""How long a step runs before its progress is believed."""
FORECAST_SLACK = 1.3
"""How far a step may be foreseen to overrun before it is ended: forecasts are rough."""


@dataclass
class Forecast:
    """Ends a step that tells its progress as soon as that says that it won't be done in time."""

    deadline: float | None
    _begun: float = field(default_factory=time.monotonic)
    _step: str = ""

    def __call__(self, done: float, words: str) -> None:
        """Raise `OutOfTime` with how long it would take."""
        step, now = words.partition(":")[0], time.monotonic()
        if step != self._step:
            self._step, self._begun = step, now
        taken = now - self._begun
        if self.deadline is None or done <= 0 or taken < FORECAST_S:
            return
        needed, left = taken * (1 - done) / done, self.deadline - now
        if needed > FORECAST_SLACK * left:
            total = taken + needed
            raise OutOfTime(f"{step} would take about {total / 60:.0f} min, and {max(0.0, left) / 60:.1f} of the time budget are left")
