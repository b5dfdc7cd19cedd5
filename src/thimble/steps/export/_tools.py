"""Converters that are programs of their own: started, waited for, and blamed by name where they crash."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from thimble.core.errors import StepFailed

TOLD = 200
"""Characters of a converter's last words that an error repeats."""


def run_tool(title: str, command: Sequence[str], folder: Path, threads: int) -> str:
    """Run a converter in a folder of its own, and return what it printed.

    Raises `StepFailed` where it ends with another code than 0, or by a signal, which is named.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    printed = (done.stdout + done.stderr).decode(errors="replace")
    if done.returncode:
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        last = f": {lines[-1][:TOLD]}" if lines else ""
        how = f"was killed by {signal.Signals(-done.returncode).name}" if done.returncode < 0 else f"ended with code {done.returncode}"
        raise StepFailed(f"{title} {how}{last}")
    return printed
