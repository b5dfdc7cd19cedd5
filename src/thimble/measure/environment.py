"""The conditions of a measurement: machine, processor, operating system and versions."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from thimble.base.study import Environment
from thimble.measure import processor

FEATURES = {
    "sse4_2": "sse4.2",
    "avx": "avx",
    "f16c": "f16c",
    "fma": "fma",
    "avx2": "avx2",
    "avx_vnni": "avx-vnni",
    "avx512f": "avx512",
    "avx512_vnni": "avx512-vnni",
    "avx512_bf16": "avx512-bf16",
    "avx512_fp16": "avx512-fp16",
    "amx_int8": "amx-int8",
    "amx_bf16": "amx-bf16",
    "asimd": "neon",
    "asimdhp": "fp16",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "bf16": "bf16",
    "sve": "sve",
    "sve2": "sve2",
}
"""The instruction sets that matter for inference: Linux's names to ours."""

MACOS_FEATURES = {"FEAT_DotProd": "dotprod", "FEAT_FP16": "fp16", "FEAT_I8MM": "i8mm", "FEAT_BF16": "bf16", "AdvSIMD": "neon"}


def environment(distributions: Iterable[str] = ()) -> Environment:
    """The conditions here and now; ``distributions`` are the packages whose versions matter beside NumPy's."""
    facts = _cpuinfo()
    return Environment(
        machine=platform.node() or "unknown",
        processor=facts.get("model name") or _arm_name(facts) or platform.processor() or platform.machine(),
        features=_features(facts),
        cores=len(processor.available_cores()),
        memory_mb=_memory_mb(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        governor=processor.governor(),
        versions={name: found for name in sorted({*distributions, "numpy"}) if (found := _version(name))},
    )


def _cpuinfo() -> dict[str, str]:
    """The first processor's fields of ``/proc/cpuinfo``, later ones of the same name ignored."""
    facts: dict[str, str] = {}
    for line in _lines(Path("/proc/cpuinfo")):
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    return facts


def _features(facts: dict[str, str]) -> tuple[str, ...]:
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    if flags:
        return tuple(ours for theirs, ours in FEATURES.items() if theirs in flags)
    if sys.platform == "darwin":
        return tuple(ours for theirs, ours in MACOS_FEATURES.items() if _sysctl(f"hw.optional.arm.{theirs}") == "1")
    return ()


def _sysctl(name: str) -> str:
    import subprocess

    return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False).stdout.strip()


def _arm_name(facts: dict[str, str]) -> str:
    """Linux on Arm gives numbers for a name, and small boards their own name elsewhere."""
    board = " ".join(_lines(Path("/proc/device-tree/model"))).strip("\0 ")
    part = facts.get("CPU part", "")
    return board or (f"Arm implementer {facts.get('CPU implementer', '?')} part {part}" if part else "")


def _memory_mb() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    except (AttributeError, OSError, ValueError):
        return 0


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []
