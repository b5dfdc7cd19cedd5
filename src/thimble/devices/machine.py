"""What a measuring run asks of the machine that its workers run on: load, clock, memory, cores, quiet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from thimble.devices import processor


@dataclass(frozen=True)
class Load:
    """Processor seconds: ``busy`` of all programs on some cores, ``ours`` of the processes that measure, ``stolen`` by other
    virtual machines on all cores; ``None`` where the system doesn't tell."""

    busy: float | None
    ours: float
    stolen: float | None
    all_cores: int


class Machine:
    """This machine. Another kind of device gives one whose answers come from there."""

    local = True

    def watched(self, threads: int | None) -> list[int]:
        """The cores that so many threads are pinned to (``None``: all) with those that share their hardware, at least one."""
        cores = processor.available_cores() if threads is None else processor.cores_for(threads)
        return sorted(processor.neighbours(cores))

    def load(self, pids: Sequence[int], cores: Sequence[int]) -> Load:
        """Processor seconds since the start: of all programs on these cores, and of ours, the processes ``pids`` and this one."""
        ours = sum(map(processor.process_seconds, (*pids, os.getpid())))
        return Load(processor.busy_seconds(cores), ours, processor.stolen_seconds(), os.cpu_count() or 1)

    def clock_mhz(self) -> float | None:
        """The highest current clock of all cores, in MHz."""
        return processor.clock_mhz()

    def celsius(self) -> float | None:
        """The temperature of the hottest thermal zone in degrees Celsius."""
        return processor.celsius()

    def available_memory_mb(self) -> float | None:
        """Memory that can still be used without swapping, in MB."""
        return processor.available_memory_mb()

    def cores(self) -> int:
        """How many cores may be used."""
        return len(processor.available_cores())

    def cores_for(self, threads: int) -> list[int]:
        """Which cores to pin so many threads to."""
        return processor.cores_for(threads)

    def wait_until_idle(self, pid: int) -> None:
        """Wait until a process that has just answered uses no processor, half a second at most."""
        processor.wait_until_idle(pid)


THIS = Machine()
