"""What Arm's compiler Vela estimates for an Ethos-U beside the microcontroller: an estimate from a model of the chip, no measurement."""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import math
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from thimble.core.distribution import install_command
from thimble.core.temporary import temporary_folder
from thimble.core.values import first_line

CHIPS = (
    ("ethos-u55-32", "Ethos_U55_High_End_Embedded", "Shared_Sram"),
    ("ethos-u55-128", "Ethos_U55_High_End_Embedded", "Shared_Sram"),
    ("ethos-u55-256", "Ethos_U55_High_End_Embedded", "Shared_Sram"),
    ("ethos-u65-256", "Ethos_U65_High_End", "Dedicated_Sram"),
)
"""Accelerators, the last number being multiplications in each cycle, with a system and a memory of Vela's own configuration file."""
PATIENCE_S = 120.0
"""Seconds that one estimate may take."""


@dataclass(frozen=True)
class Estimate:
    """Vela's estimate for one accelerator: milliseconds for one inference, KiB of on-chip memory, operators on it and beside it.

    ``ms`` is ``None`` where nothing runs on the accelerator.
    """

    chip: str
    system: str
    mhz: float
    ms: float | None
    sram_kib: float
    on_chip: int
    beside: int


def estimates(file: Path) -> list[Estimate]:
    """Ask Vela about each of `CHIPS`. Raises ``ValueError`` with its reason for a file that it can't compile."""
    return [_estimate(file, *chip) for chip in CHIPS]


def _estimate(file: Path, chip: str, system: str, memory: str) -> Estimate:
    with temporary_folder() as folder:
        options = ["--accelerator-config", chip, "--config", "Arm/vela.ini", "--system-config", system, "--memory-mode", memory]
        command = [sys.executable, "-m", "ethosu.vela", str(file), *options, "--output-dir", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise ValueError(f"Vela took more than {PATIENCE_S:g} s") from error
        found = sorted(folder.glob("*_summary_*.csv"))
        if done.returncode or not found:
            lines = [line for line in (done.stdout + done.stderr).splitlines() if "rror" in line]
            raise ValueError(f"Vela can't compile it: {first_line(lines[-1] if lines else f'status {done.returncode}')}")
        with found[0].open(newline="") as lines_of_csv:
            row = next(csv.DictReader(lines_of_csv))
    counts = {who: int(count) for who, count in re.findall(r"(CPU|NPU) operators = (\d+)", done.stdout)}
    seconds, on_chip = float(row["inference_time"]), counts.get("NPU", 0)
    ms = 1000 * seconds if on_chip and math.isfinite(seconds) else None
    clock = float(row["core_clock"]) / 1e6
    return Estimate(chip, system, clock, ms, float(row["sram_memory_used"]), on_chip, counts.get("CPU", 0))


def described(file: Path) -> list[str]:
    """The part of a bundle's README, in Markdown; without Vela it says how to get it."""
    if importlib.util.find_spec("ethosu") is None:
        return [f"Arm's Ethos-U: `{install_command('ethos-u')}`, and the bundle made again holds Vela's estimate for it."]
    version = importlib.metadata.version("ethos-u-vela")
    head = f"Arm's Ethos-U, as Vela {version} **estimates** it from a model of the chip; nothing ran on one:"
    try:
        found = estimates(file)
    except ValueError as error:
        return [f"Arm's Ethos-U: no estimate. {error}"]
    return [
        head,
        "",
        "| accelerator | system of Vela's | MHz | ms, estimated | on-chip memory, KiB | operators on it | beside it |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {one.chip} | {one.system} | {one.mhz:.0f} | {'-' if one.ms is None else f'{one.ms:.3g}'} | {one.sram_kib:.1f} "
            f"| {one.on_chip} | {one.beside} |"
            for one in found
        ),
        "",
        "The accelerator takes a file that Vela writes, which is not in this bundle: `vela model/model.tflite --accelerator-config ...`.",
    ]
