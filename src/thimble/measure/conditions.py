"""What about the machine makes a measuring run doubtful, with what to do about it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from thimble.core.run import ENOUGH_QUIET, Advice, Environment, Round

BUSY = 0.1
"""The share of all cores that other programs may use before a run counts as disturbed."""

THROTTLED = 0.9
"""The share of its highest clock below which a processor counts as throttled."""

SUBNORMAL = 1e-3
"""The share of subnormal numbers that is worth a warning."""


def condition_warnings(rounds: Sequence[Round], environment: Environment, threads: int, members: Sequence[str] = ()) -> list[Advice]:
    """Codes are stable: ``machine-busy``, ``not-measured``, ``disturbed``, ``clock-throttled``, ``powersave``, ``few-cores``."""
    odd = [*_throttled(rounds), *_powersave(environment), *_few_cores(environment, threads)]
    return [*(_disturbed(rounds, members, threads) or _busy(rounds)), *odd]


def _disturbed(rounds: Sequence[Round], members: Sequence[str], threads: int) -> list[Advice]:
    """What was left out, and what could not be measured for it."""
    touched = sum(bool(turn.disturbed) for turn in rounds)
    if not touched:
        return []
    fewer = "" if threads == 1 else ", or measure with --threads 1, which waits for one core only"
    found = []
    for name in members:
        turns = [turn for turn in rounds if name in turn.order or name in turn.disturbed]
        quiet = sum(name in turn.samples_ms for turn in turns)
        if turns and quiet < ENOUGH_QUIET:
            text = (
                f"its speed is not measured: the machine is busy. Other programs held the processor in {len(turns) - quiet} of "
                f"{len(turns)} rounds, and {ENOUGH_QUIET} quiet rounds are needed: close them{fewer}, and measure again"
            )
            found.append(Advice("not-measured", text, name))
    if found:
        return found
    waited = sum(sum(turn.disturbed.values()) for turn in rounds)
    every = waited + sum(len(taken) for turn in rounds for taken in turn.samples_ms.values())
    share = f"{100 * waited / every:.2g} % of the inferences, in {touched} of {len(rounds)} rounds,"
    text = f"{share} waited for a core that another program held; they are left out"
    return [Advice("disturbed", text)]


def subnormal_warnings(shares: Mapping[str, Mapping[str, float | None]]) -> list[Advice]:
    """A warning for every artifact that holds or makes subnormal numbers in notable amounts, from what that probe found by artifact."""
    found = []
    for name, observed in shares.items():
        for kind in ("weights", "activations"):
            share = observed.get(f"{kind}_share")
            if share and share > SUBNORMAL:
                text = (
                    f"{100 * share:.1f} % of the {kind} are subnormal numbers, which slow a processor many times over: "
                    "set weights below 1e-30 to zero and fold batch normalisation before exporting"
                )
                found.append(Advice(f"subnormal-{kind}", text, name))
    return found


def _busy(rounds: Sequence[Round]) -> list[Advice]:
    loads = [turn.others_load for turn in rounds if turn.others_load is not None]
    if not loads or (load := statistics.fmean(loads)) <= BUSY:
        return []
    text = (
        f"other programs used {100 * load:.0f} % of the processor during the run; milliseconds suffer more than "
        "ratios. Close them and measure again"
    )
    return [Advice("machine-busy", text)]


def _throttled(rounds: Sequence[Round]) -> list[Advice]:
    clocks = [turn.clock_mhz for turn in rounds if turn.clock_mhz]
    if len(clocks) < 3 or statistics.median(clocks[-3:]) >= THROTTLED * max(clocks):
        return []
    text = (
        f"the processor's clock fell from {max(clocks):.0f} to {statistics.median(clocks[-3:]):.0f} MHz during the run: "
        "let it cool down, or fix the clock, and measure again"
    )
    return [Advice("clock-throttled", text)]


def _powersave(environment: Environment) -> list[Advice]:
    if environment.governor != "powersave":
        return []
    text = "the clock governor is 'powersave': set it to 'performance' (cpupower frequency-set -g performance) and measure again"
    return [Advice("powersave", text)]


def _few_cores(environment: Environment, threads: int) -> list[Advice]:
    if threads <= environment.cores:
        return []
    text = f"{threads} threads share {environment.cores} cores: use at most {environment.cores} threads"
    return [Advice("few-cores", text)]
