"""How long the lab takes: from nothing, again with nothing changed, quick, and after having been killed.

    python benchmarks/lab/times.py [--keep DIR]

Every form runs `thimble lab` in a process of its own with a store of its own, as a user would. Prints a table, and
the limits that the lab is held to on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMITS = {"from nothing": 360, "second run": 10, "quick": 90, "killed, then again": 360}


def run(out: Path, store: Path, *options: str) -> float:
    begun = time.monotonic()
    command = [sys.executable, "-m", "thimble", "lab", "--out", str(out), *options]
    subprocess.run(command, env={**os.environ, "THIMBLE_STORE": str(store)}, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


def killed_then_again(place: Path) -> float:
    """Seconds of the second start, after the first was killed half a minute into it."""
    store = place / "killed-store"
    command = [sys.executable, "-m", "thimble", "lab", "--quick", "--out", str(place / "killed")]
    first = subprocess.Popen(command, env={**os.environ, "THIMBLE_STORE": str(store)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(30)
    first.kill()
    first.wait()
    seconds = run(place / "killed", store, "--quick")
    assert json.loads((place / "killed" / "study.json").read_text())["complete"]
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="leave the results here")
    parser.add_argument("--only", nargs="*", choices=LIMITS, default=list(LIMITS))
    given = parser.parse_args()
    place = given.keep or Path(tempfile.mkdtemp(prefix="thimble-lab-"))
    forms = {
        "from nothing": lambda: run(place / "lab", place / "store"),
        "second run": lambda: run(place / "lab", place / "store"),
        "quick": lambda: run(place / "quick", place / "quick-store", "--quick"),
        "killed, then again": lambda: killed_then_again(place),
    }
    print(f"| form | seconds | at most |\n| --- | ---: | ---: |  ({os.cpu_count()} cores)")
    for name in given.only:
        print(f"| {name} | {forms[name]():.0f} | {LIMITS[name]} |", flush=True)


if __name__ == "__main__":
    main()
