"""Statistics on plain numbers: no study, no clock, no file. What each method assumes stands in its docstring.

=================  =================================================================================
`percentiles`      which percentiles a number of samples allows
`rounds`           latency and latency ratios with their intervals, from interleaved rounds
`stability`        has the warm-up ended; what is odd about a series of rounds
`proportions`      one proportion, the difference of two paired ones
`quality`          what a model lost against another one on the same samples, and whether a budget is kept
`sequential`       the same while samples still come in, with leave to look at any time
=================  =================================================================================

Importing this package is light; NumPy and SciPy come with the first name that is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thimble.stats.percentiles import percentile, samples_needed
    from thimble.stats.proportions import mcnemar_exact, quantile, tango, wilson
    from thimble.stats.quality import drop_interval, flips, non_inferiority, paired_bootstrap, quality_interval, samples_to_decide
    from thimble.stats.rounds import known, latency_interval, ratio_interval, rounds_wanted, speedup_in, speedup_interval, verdict
    from thimble.stats.sequential import sequential_drop
    from thimble.stats.stability import diagnose, steady

_HOMES = {
    "percentiles": ("percentile", "samples_needed"),
    "proportions": ("mcnemar_exact", "quantile", "tango", "wilson"),
    "quality": ("drop_interval", "flips", "non_inferiority", "paired_bootstrap", "quality_interval", "samples_to_decide"),
    "rounds": ("known", "latency_interval", "ratio_interval", "rounds_wanted", "speedup_in", "speedup_interval", "verdict"),
    "sequential": ("sequential_drop",),
    "stability": ("diagnose", "steady"),
}

__all__ = [
    "diagnose",
    "drop_interval",
    "flips",
    "known",
    "latency_interval",
    "mcnemar_exact",
    "non_inferiority",
    "paired_bootstrap",
    "percentile",
    "quality_interval",
    "quantile",
    "ratio_interval",
    "rounds_wanted",
    "samples_needed",
    "samples_to_decide",
    "sequential_drop",
    "speedup_in",
    "speedup_interval",
    "steady",
    "tango",
    "verdict",
    "wilson",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
