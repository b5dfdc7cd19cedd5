"""Every example runs in its quick form, one after another on one store, as a student would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


def test_there_are_all_of_them() -> None:
    assert len(EXAMPLES) == 11


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_runs(path: Path, place: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40
    env = {**os.environ, "THIMBLE_STORE": str(place / "store")}
    done = subprocess.run([sys.executable, str(path), "--quick"], cwd=place, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "baseline" in done.stdout
    assert (place / "runs" / path.stem / "report.html").exists()
