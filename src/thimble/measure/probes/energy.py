"""Energy per inference, from the processor's own counters (RAPL)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.subject import Subject

if TYPE_CHECKING:
    from thimble.core.task import Arrays

POWERCAP = Path("/sys/class/powercap")
IDLE_S = 2.0
BUSY_S = 4.0


class Energy:
    """Joules that all processor packages take for one inference: in all, and above what they take when idle.

    Measured over four seconds of inferences one after another; the counters cover everything that runs meanwhile.
    """

    title: ClassVar[str] = "energy per inference"
    slow: ClassVar[bool] = True

    def observe(self, subject: Subject, inputs: Arrays) -> dict[str, Any]:
        """``joules``, ``joules_above_idle``, ``watts``, ``idle_watts`` and ``inferences``; or ``not available`` and why."""
        from thimble.devices import reserve, start

        counters = packages()
        if isinstance(counters, str):
            return {"not available": counters}
        with reserve(subject.device), start(subject) as worker:
            worker.bind(inputs)
            one_ms = max(1e-3, min(worker.time(5)))
            count = max(1, round(BUSY_S * 1000 / one_ms))
            time.sleep(0.5)
            idle_j, idle_s = _spent(counters, lambda: time.sleep(IDLE_S))
            busy_j, busy_s = _spent(counters, lambda: worker.time(count))
        above = busy_j - idle_j / idle_s * busy_s
        return {
            "joules": busy_j / count,
            "joules_above_idle": max(0.0, above / count),
            "watts": busy_j / busy_s,
            "idle_watts": idle_j / idle_s,
            "inferences": count,
        }


@dataclass(frozen=True)
class Package:
    """One processor package's counter of microjoules, which starts again from 0 at ``wraps_uj``."""

    path: Path
    wraps_uj: int

    def read_uj(self) -> int:
        """Return the counter's value."""
        return int(self.path.read_text())

    def since_j(self, before_uj: int) -> float:
        """Joules since it stood at ``before_uj``, within one turn."""
        return ((self.read_uj() - before_uj) % self.wraps_uj) / 1e6


def packages() -> list[Package] | str:
    """The counters of all packages, or why there are none."""
    found = []
    for folder in sorted(POWERCAP.glob("*rapl:*")):
        try:
            if (folder / "name").read_text().startswith("package"):
                package = Package(folder / "energy_uj", int((folder / "max_energy_range_uj").read_text()) + 1)
                package.read_uj()
                found.append(package)
        except PermissionError:
            return f"{folder / 'energy_uj'} can't be read by this user: allow it with sudo chmod a+r {folder / 'energy_uj'}"
        except (OSError, ValueError):
            continue
    return found or f"this system shows no energy counters of the processor in {POWERCAP} (virtual machines and most boards don't)"


def _spent(counters: list[Package], action: Any) -> tuple[float, float]:
    """Joules and seconds that an action takes."""
    before = [counter.read_uj() for counter in counters]
    began = time.perf_counter()
    action()
    seconds = time.perf_counter() - began
    return sum(counter.since_j(uj) for counter, uj in zip(counters, before, strict=True)), seconds
