"""Run the proofs of the measuring method, and put what they find into the docs: ``python benchmarks/measuring/prove.py``.

Without a word it runs those that look at real times, about a quarter of an hour on a machine that does nothing else:
``overhead``, ``against_others``, ``under_load`` and ``aa``. Names pick some; ``slowdowns`` and ``coverage`` are
there too, and don't mind other programs. ``--fill`` runs nothing, and only writes the results that are there into the
pages. Ends with a line for each, and status 1 where one failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from record import RESULTS, fill_pages

HERE = Path(__file__).parent
LIMITS_S = {"overhead": 300, "against_others": 600, "under_load": 600, "aa": 1200, "slowdowns": 3600, "coverage": 7200}
"""The longest each may take; on a quiet machine they need a third of it at most."""

SENSITIVE = ("overhead", "against_others", "under_load", "aa")


def run(name: str) -> str:
    """Run one script to its end, its output shown; how it went in a few words."""
    began = time.monotonic()
    try:
        status = subprocess.run([sys.executable, str(HERE / f"{name}.py")], timeout=LIMITS_S[name], check=False).returncode
    except subprocess.TimeoutExpired:
        return f"FAILED: not done after {LIMITS_S[name]} s"
    took = f"{time.monotonic() - began:.0f} s"
    return f"passed ({took})" if status == 0 else f"FAILED ({took}, status {status})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(LIMITS_S)}; default: {', '.join(SENSITIVE)}")
    parser.add_argument("--fill", action="store_true", help=f"only fill the pages from {RESULTS.name}/")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(LIMITS_S):
        parser.error(f"no proof is called {', '.join(sorted(unknown))}; there are {', '.join(LIMITS_S)}")
    said = {} if asked.fill else {name: run(name) for name in asked.names or SENSITIVE}
    for page in fill_pages():
        print(f"{page} changed")
    for name, words in said.items():
        print(f"{name}: {words}")
    sys.exit(any("FAILED" in words for words in said.values()))
