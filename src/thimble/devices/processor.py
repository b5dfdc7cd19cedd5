"""What the operating system tells about processor cores, their load and their clock; ``None`` where it doesn't.

This file travels alone: it imports the standard library only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from pathlib import Path

_CPU = Path("/sys/devices/system/cpu")
QUIET_WINDOW_S = 0.002
QUIET_SHARE = 0.1
QUIET_LIMIT_S = 0.5
TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def available_cores() -> list[int]:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def cores_for(threads: int) -> list[int]:
    """Which cores to pin so many threads to: the fastest kind, one per physical core first, the last ones
    of those, as interrupts prefer the first. All available ones where there are too few.
    """
    cores = available_cores()
    if threads >= len(cores):
        return cores
    return sorted(sorted(cores, key=lambda core: (-_speed(core), _sibling_rank(core), -core))[:threads])


def _speed(core: int) -> int:
    """A figure that is larger for faster cores: their capacity (Arm) or highest clock; 0 where all look the same."""
    for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        text = _read(_CPU / f"cpu{core}" / name)
        if text.isdigit():
            return int(text)
    return 0


def _sibling_rank(core: int) -> int:
    """0 for the first hardware thread of a physical core, 1 for the second."""
    siblings = _cores_in(_read(_CPU / f"cpu{core}" / "topology/thread_siblings_list"))
    return siblings.index(core) if core in siblings else 0


def _cores_in(text: str) -> list[int]:
    """``0,2-3`` → 0, 2, 3."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def governor() -> str:
    """The clock governor of the first core, or ``unknown``."""
    return _read(_CPU / "cpu0/cpufreq/scaling_governor") or "unknown"


def clock_mhz() -> float | None:
    """The highest current clock of all cores, in MHz."""
    texts = [_read(path) for path in _CPU.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]
    clocks = [int(text) / 1000 for text in texts if text.isdigit()]
    if not clocks:
        lines = [line for line in _read(Path("/proc/cpuinfo")).splitlines() if line.startswith("cpu MHz")]
        clocks = [float(line.partition(":")[2]) for line in lines]
    return max(clocks) if clocks else None


def busy_seconds(cores: Collection[int]) -> float | None:
    """Processor time that all programs used on some cores since the machine started, what other virtual machines stole included."""
    lines = [line.split() for line in _read(Path("/proc/stat")).splitlines() if line.startswith("cpu")]
    fields = [one for one in lines if one[0][3:].isdigit() and int(one[0][3:]) in cores and len(one) > 8]
    if len(fields) < len(cores):
        return None
    counts = [list(map(int, one[1:9])) for one in fields]  # user, nice, system, idle, iowait, irq, softirq, steal
    return sum(sum(one) - one[3] - one[4] for one in counts) / TICKS_PER_S


SMALL = 4
"""Up to so many cores all count as neighbours: they share caches, and a virtual machine hides which share a physical core."""


def neighbours(cores: Iterable[int]) -> set[int]:
    """These cores and those whose work slows theirs: hardware threads of the same physical cores, on a small machine all."""
    found = set(cores) if (os.cpu_count() or 1) > SMALL else set(range(os.cpu_count() or 1))
    for core in tuple(found):
        found |= set(_cores_in(_read(_CPU / f"cpu{core}" / "topology/thread_siblings_list")))
    return found


def stolen_seconds() -> float | None:
    """Processor time that other virtual machines took from this machine since it started; ``None`` where it isn't told."""
    fields = _read(Path("/proc/stat")).split("\n", 1)[0].split()
    return int(fields[8]) / TICKS_PER_S if len(fields) > 8 and fields[0] == "cpu" else None


def process_seconds(pid: int) -> float:
    """Processor time that a process's threads used, to the nanosecond where the scheduler tells; 0 for one that is gone."""
    total = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int(_read(task / "schedstat").split(" ", 1)[0] or 0)
    except (OSError, ValueError):
        return 0.0
    return total / 1e9


def available_memory_mb() -> float | None:
    """Memory that can still be used without swapping, in MB."""
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def wait_until_idle(pid: int) -> None:
    """Wait until a process that has just answered uses no processor: its idle threads may spin for a while.

    Gives up after half a second; what still spins then is part of how that runtime behaves.
    """
    until = time.monotonic() + QUIET_LIMIT_S
    used, then = process_seconds(pid), time.monotonic()
    while then < until:
        time.sleep(QUIET_WINDOW_S)
        used_before, used = used, process_seconds(pid)
        then_before, then = then, time.monotonic()
        if used - used_before <= QUIET_SHARE * (then - then_before):
            return


def celsius() -> float | None:
    """The temperature of the hottest thermal zone in degrees Celsius."""
    texts = [_read(path) for path in Path("/sys/class/thermal").glob("thermal_zone*/temp")]
    degrees = [int(text) / 1000 for text in texts if text.lstrip("-").isdigit()]
    return max(degrees, default=None)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
