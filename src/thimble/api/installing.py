"""Bring the pinned runtimes to a board before it measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from thimble.api.request import Compare, Fit
from thimble.core.registry import RUNTIMES

Request = TypeVar("Request", bound=Compare | Fit)


def with_runtimes(options: Request, runtimes: Iterable[str], tell: Callable[[str], None]) -> Request:
    """Return the request with the address of a Python that has NumPy and these runtimes in the versions installed here.

    Without ``install`` it stays as it is. What is missing is installed there; raises what `thimble.devices.installing.installed` raises.
    """
    if not options.install:
        return options
    from thimble.deploy.describe import installed_version
    from thimble.devices.installing import installed

    names = dict.fromkeys(("numpy", *(RUNTIMES.get(name).distribution for name in runtimes)))
    return replace(options, on=installed(options.on, [f"{name}=={installed_version(name)}" for name in names], tell))
