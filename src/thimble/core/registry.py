"""Find what is registered by looking at file names: adding a technique is adding one file.

A *kind* (steps, runtimes, ...) is a list of packages. Every public module in them registers one class,
named like the file in CamelCase (``prune_channels.py`` holds ``PruneChannels``). Other distributions add
theirs through entry points of the group ``thimble.<kind>``; their entry's name is the registered one.

Listing names imports nothing; looking one up imports that one light module.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import platform
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from thimble.core.errors import UnknownName


@dataclass(frozen=True)
class Registry:
    """Everything of one kind, found by name.

    ``kind`` is the plural that users type (``steps``), ``singular`` the word for messages. ``written`` is a module whose ``own(text)``
    makes one out of ``file.py:function``.
    """

    kind: str
    singular: str
    packages: tuple[str, ...]
    written: str = ""

    @cached_property
    def _modules(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for package in self.packages:
            paths = importlib.import_module(package).__path__
            found |= {info.name: f"{package}.{info.name}" for info in pkgutil.iter_modules(paths) if not info.name.startswith("_")}
        return found

    @cached_property
    def _plugins(self) -> dict[str, importlib.metadata.EntryPoint]:
        return {entry.name: entry for entry in importlib.metadata.entry_points(group=f"thimble.{self.kind}")}

    def names(self) -> list[str]:
        """Every registered name, sorted."""
        return sorted({*self._modules, *self._plugins})

    def get(self, name: str) -> Any:
        """The class registered under ``name``; raises `UnknownName` with the known ones."""
        if name in self._modules:
            return getattr(self.module(name), camel_case(name))
        if name in self._plugins:
            return self._plugins[name].load()
        if self.written and ".py:" in name:
            return importlib.import_module(self.written).own(name)
        raise UnknownName(self.singular, name, self.names())

    def module(self, name: str) -> ModuleType:
        """The module that holds a built-in ``name``."""
        if name not in self._modules:
            raise UnknownName(self.singular, name, self.names())
        return importlib.import_module(self._modules[name])

    def all(self) -> dict[str, Any]:
        """Every registered class by name, sorted by name."""
        return {name: self.get(name) for name in self.names()}


def camel_case(name: str) -> str:
    """``prune_channels`` → ``PruneChannels``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def snake_case(name: str) -> str:
    """``PruneChannels`` → ``prune_channels``; the inverse of `camel_case` for names in use."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")


STEPS = Registry("steps", "step", ("thimble.steps.compress", "thimble.steps.export"))
RUNTIMES = Registry("runtimes", "runtime", ("thimble.runtimes",))
PROBES = Registry("probes", "probe", ("thimble.measure.probes",))
MODELS = Registry("models", "model source", ("thimble.models",))
TASKS = Registry("tasks", "task", ("thimble.data",))
METRICS = Registry("metrics", "metric", ("thimble.measure.metrics",), "thimble.measure.metrics._own")
REPORTS = Registry("reports", "report", ("thimble.report",))
DEVICES = Registry("devices", "device", ("thimble.devices.kinds",))
ENGINES = Registry("engines", "engine", ("thimble.engine.kinds",))
TARGETS = Registry("targets", "target", ("thimble.deploy.targets",))
REGISTRIES = {r.kind: r for r in (STEPS, RUNTIMES, PROBES, MODELS, TASKS, METRICS, REPORTS, DEVICES, ENGINES, TARGETS)}


def runtime_title(name: str) -> str:
    """A runtime's name as its makers write it; one that isn't registered here is shown under its registered name."""
    return str(RUNTIMES.get(name).title) if name in RUNTIMES.names() else name


def runs_here(runtime: Any) -> bool:
    """Return whether a runtime's class runs on this operating system: everywhere, unless it names its ``systems``."""
    return platform.system() in getattr(runtime, "systems", (platform.system(),))


def speed_counts(name: str) -> bool:
    """Return whether a runtime's speed is meaningful here: an interpreter of microcontrollers denies it with ``speed = False``."""
    return name not in RUNTIMES.names() or bool(getattr(RUNTIMES.get(name), "speed", True))


def most_threads(name: str) -> int:
    """The most threads that a runtime takes, as its class says."""
    return int(getattr(RUNTIMES.get(name), "most_threads", 1024)) if name in RUNTIMES.names() else 1024


def on_phones(name: str) -> bool:
    """Return whether a runtime's makers ship it for Android and iOS."""
    return name in RUNTIMES.names() and bool(getattr(RUNTIMES.get(name), "phones", False))
