"""This machine's processor: its vector instructions, and what they mean for INT8."""

from __future__ import annotations

import functools
import platform
import subprocess
from pathlib import Path

KNOWN = (
    "sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16",
    "asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2",
)  # fmt: skip
"""Instruction sets that decide how fast networks run, by the names that Linux gives them."""


@functools.cache
def features() -> tuple[str, ...]:
    """The processor's instruction sets among `KNOWN`; empty where they can't be told."""
    found = set(_flags())
    return tuple(name for name in KNOWN if name in found)


@functools.cache
def processor_name() -> str:
    """The processor's own name, or the machine's type where it gives none."""
    for line in _cpuinfo():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware") and value.strip():
            return value.strip()
    return _sysctl("machdep.cpu.brand_string") or platform.processor() or platform.machine()


def int8_support(flags: tuple[str, ...] | None = None) -> str:
    """``vnni`` or ``dot product``: 8-bit products add up in 32 bits; ``saturating``: x86 without them, where pairs of
    unsigned-by-signed products add up in 16 bits and saturate; ``none``: no instruction that helps is known.
    """
    have = set(features() if flags is None else flags)
    if have & {"avx_vnni", "avx512_vnni", "amx_int8"}:
        return "vnni"
    if have & {"asimddp", "i8mm"}:
        return "dot product"
    return "saturating" if have & {"sse4_2", "avx", "avx2", "avx512f"} else "none"


def _flags() -> list[str]:
    for line in _cpuinfo():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return value.split()
    if platform.machine() == "arm64":
        optional = {"asimddp": "hw.optional.arm.FEAT_DotProd", "i8mm": "hw.optional.arm.FEAT_I8MM", "bf16": "hw.optional.arm.FEAT_BF16"}
        return ["asimd", *(name for name, key in optional.items() if _sysctl(key) == "1")]
    return (_sysctl("machdep.cpu.features") + " " + _sysctl("machdep.cpu.leaf7_features")).lower().replace(".", "_").split()


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def _sysctl(name: str) -> str:
    if platform.system() != "Darwin":
        return ""
    done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False)
    return done.stdout.strip()
