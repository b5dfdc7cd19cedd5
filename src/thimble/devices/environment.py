"""The conditions of a measurement: machine, processor, operating system and versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable

from thimble.core.processor import features, processor_name
from thimble.core.pythons import version_of
from thimble.core.study import Environment
from thimble.devices import processor


def environment(distributions: Iterable[str] = ()) -> Environment:
    """The conditions here and now; ``distributions`` are the packages whose versions matter beside NumPy's.

    Each version is that of the Python that uses the package.

    ``cores`` are those this process may use; the governor is ``unknown`` where the system doesn't tell.
    """
    return Environment(
        machine=platform.node() or "unknown",
        processor=processor_name(),
        features=features(),
        cores=len(processor.available_cores()),
        memory_mb=_memory_mb(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        governor=processor.governor(),
        versions={name: found for name in sorted({*distributions, "numpy"}) if (found := version_of(name))},
    )


def _memory_mb() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    except (AttributeError, OSError, ValueError):
        return 0
