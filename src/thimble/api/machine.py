"""What this machine is, and what can be measured on it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from thimble.core.distribution import install_command
from thimble.core.errors import BadInput
from thimble.core.processor import int8_support
from thimble.core.pythons import python_of, set_up
from thimble.core.registry import RUNTIMES
from thimble.core.study import Environment

LOOK_S = 0.5
"""How long the present load is watched."""

INT8 = {
    "vnni": (
        "VNNI: products of 8-bit numbers add up in 32 bits, fast and exactly. INT8 can gain up to 4x over FP32 in arithmetic; "
        "full-range weights are safe here, and on older x86 processors they are not."
    ),
    "dot product": (
        "dot product: products of 8-bit numbers add up in 32 bits, fast and exactly. INT8 can gain up to 4x over FP32 in arithmetic."
    ),
    "saturating": (
        "no VNNI: pairs of 8-bit products are added in 16 bits and overflow, so full-range signed weights lose accuracy (7 bits don't: "
        "reduce_range, which Thimble chooses here by itself). INT8 gains up to about 2x over FP32 in arithmetic."
    ),
    "none": "no vector instruction for 8-bit products is known: INT8 makes files smaller, and seldom faster.",
}
"""What the processor's instructions mean for INT8."""


@dataclass(frozen=True)
class RuntimeState:
    """A runtime by name: its version, or the command that installs it; ``python`` is another interpreter that it runs in."""

    name: str
    title: str
    version: str | None
    install: str | None
    python: str | None = None


@dataclass(frozen=True)
class Machine:
    """This machine as `thimble doctor` shows it.

    ``environment`` is what studies record. ``int8`` is the kind of INT8 support, ``int8_means`` what follows from it.
    ``threads`` are hardware threads in all, ``cores`` those this process may use. ``load`` is the share of all cores (0 to
    1) that programs use at present; ``None`` where the system doesn't tell. ``energy`` says whether energy can be
    measured, or why not; ``busy`` who measures at present, if anybody does.
    """

    environment: Environment
    int8: str
    int8_means: str
    threads: int
    cores: int
    available_mb: float | None
    load: float | None
    clock_mhz: float | None
    energy: str
    runtimes: tuple[RuntimeState, ...]
    advice: tuple[str, ...]


def machine() -> Machine:
    """Look at this machine; takes half a second, in which its load is watched."""
    from thimble.devices import environment_of, processor
    from thimble.measure.probes.energy import packages

    runtimes = tuple(_runtime(name) for name in RUNTIMES.names())
    conditions = environment_of(RUNTIMES.get(runtime.name).distribution for runtime in runtimes if runtime.version)
    load, counters = _load(), packages()
    support = int8_support()
    return Machine(
        environment=conditions,
        int8=support,
        int8_means=INT8[support],
        threads=os.cpu_count() or 1,
        cores=len(processor.available_cores()),
        available_mb=processor.available_memory_mb(),
        load=load,
        clock_mhz=processor.clock_mhz(),
        energy=f"yes, {len(counters)} processor package(s) count it" if isinstance(counters, list) else f"no: {counters}",
        runtimes=runtimes,
        advice=tuple(_advice(conditions, load)),
    )


def _runtime(name: str) -> RuntimeState:
    cls = RUNTIMES.get(name)
    try:
        python = python_of(cls)
    except BadInput as error:
        return RuntimeState(name, cls.title, None, str(error))
    missing = next((module for module in cls.needs if not python.has(module)), None)
    if missing is None:
        version = python.version(cls.distribution) or "of unknown version"
        return RuntimeState(name, cls.title, version, None, None if python.here else python.path)
    install = install_command(cls.extra or name)
    if broken := set_up().get(name):
        install = f"thimble setup {name} (its environment in {broken.parents[1]} doesn't work any more)"
    return RuntimeState(name, cls.title, None, install)


def _load() -> float | None:
    """The share of all cores that is in use, watched for a while in which this process sleeps."""
    from thimble.devices.processor import available_cores, busy_seconds

    before, began = busy_seconds(available_cores()), time.monotonic()
    if before is None:
        return None
    time.sleep(LOOK_S)
    after = busy_seconds(available_cores())
    spent = time.monotonic() - began
    return None if after is None else max(0.0, min(1.0, (after - before) / spent / (os.cpu_count() or 1)))


def _advice(conditions: Environment, load: float | None) -> list[str]:
    """Return the conditions of this machine that make measurements worse."""
    found = []
    if load is not None and load > 0.1:
        found.append(f"other programs use {100 * load:.0f} % of the processor: close them before measuring")
    if conditions.governor == "powersave":
        found.append("the clock's governor is powersave: set it to performance (sudo cpupower frequency-set -g performance)")
    if conditions.governor == "unknown":
        found.append("the clock's governor can't be read (a virtual machine?): times may drift; rely on ratios within one run")
    return found
