"""The noise model of ``benchmarks/measuring``, so that fast and full forms of a simulation are of the same machine."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

NOISE = Path(__file__).parents[2] / "benchmarks" / "measuring" / "noise.py"


@pytest.fixture(scope="session")
def scenarios() -> dict[str, object]:
    return runpy.run_path(str(NOISE))["SCENARIOS"]
