"""Times as a machine gives them: a model of its noise, for judging the intervals where the truth is known.

What disturbs a measurement comes on several time scales, and the model has one part for each:

* ``slow``: the machine's state (clock, temperature, neighbours) wanders over many rounds, and hits both members of a
  round nearly alike: an autoregressive series over the slots in which members take turns;
* ``burst``: another program comes, stays for a few slots, and slows down whoever runs meanwhile;
* ``own``: what hits one member alone and lasts for rounds (where its memory lies, what its caches hold);
* ``jitter``: every single inference, with a heavy tail of interruptions.

The scenarios bracket what was recorded on a shared virtual machine (two equal matrix products in turn, 2,235 rounds):
the rounds' log ratios scattered by 5.6 %; each one's times were correlated by 0.40 from round to round, and by 0.08
still after 50 rounds, but the signs of their ratios by 0.03 only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter


@dataclass(frozen=True)
class Noise:
    """Scales are of logarithms (0.02 is 2 %); ``*_memory`` is the correlation from one step to the next."""

    slow: float = 0.0
    slow_memory: float = 0.95
    burst_share: float = 0.0
    burst_memory: float = 0.7
    burst_size: float = 0.3
    own: float = 0.0
    own_memory: float = 0.5
    jitter: float = 0.02
    tail: float = 0.0

    def rounds(self, generator: np.random.Generator, members: int, rounds: int, samples: int = 5) -> NDArray[np.float64]:
        """Factors on the true times, shape (members, rounds, samples), in a random order within each round."""
        slots = rounds * members
        state = _wander(generator, (slots,), self.slow, self.slow_memory) + self._bursts(generator, slots)
        order = generator.permuted(np.tile(np.arange(members), (rounds, 1)), axis=1)
        shared = np.empty((members, rounds))
        shared[order, np.arange(rounds)[:, None]] = state.reshape(rounds, members)
        shared += _wander(generator, (members, rounds), self.own, self.own_memory)
        each = generator.normal(0, self.jitter, (members, rounds, samples))
        each += (generator.random(each.shape) < self.tail) * generator.exponential(0.3, each.shape)
        return np.exp(shared[:, :, None] + each)

    def _bursts(self, generator: np.random.Generator, slots: int) -> NDArray[np.float64]:
        if not self.burst_share:
            return np.zeros(slots)
        arrival = self.burst_share * (1 - self.burst_memory) / (1 - self.burst_share)
        busy, chances, present = np.zeros(slots, dtype=bool), generator.random(slots), generator.random() < self.burst_share
        for i, chance in enumerate(chances):
            present = chance < (self.burst_memory if present else arrival)
            busy[i] = present
        return busy * generator.gamma(2, self.burst_size / 2, slots)


def _wander(generator: np.random.Generator, shape: tuple[int, ...], scale: float, memory: float) -> NDArray[np.float64]:
    """A stationary autoregressive series along the last axis."""
    steps = generator.normal(0, scale * np.sqrt(1 - memory**2), shape)
    steps[..., 0] = generator.normal(0, scale, shape[:-1])
    series: NDArray[np.float64] = lfilter([1.0], [1.0, -memory], steps, axis=-1)
    return series


SCENARIOS = {
    "independent": Noise(jitter=0.03),
    "quiet": Noise(slow=0.02, burst_share=0.02, burst_memory=0.6, burst_size=0.2, own=0.006, own_memory=0.4, jitter=0.01, tail=0.02),
    "shared": Noise(slow=0.06, burst_share=0.1, burst_size=0.35, own=0.015, jitter=0.02, tail=0.05),
    "sticky": Noise(slow=0.06, burst_share=0.1, burst_size=0.35, own=0.03, jitter=0.02, tail=0.05),
    "crowded": Noise(
        slow=0.1, slow_memory=0.9, burst_share=0.2, burst_memory=0.85, burst_size=0.4, own=0.03, own_memory=0.7, jitter=0.04, tail=0.1
    ),
}
"""From a bench instrument's dream to a machine that three others use; ``shared`` resembles the recorded one."""
