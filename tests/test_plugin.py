"""The template of a plugin: installed beside Thimble, it passes its own tests and the contract of what it registers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "examples" / "plugin"
CONTRACTS = (
    ("tests/steps/compress/test_contract.py", "onnx_round_weights"),
    ("tests/runtimes/test_contract.py", "onnx_reference"),
    ("tests/measure/test_metrics.py", "top2"),
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the plugin is installed beside what is installed here."""
    place = tmp_path_factory.mktemp("plugin")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(place / "site"), str(PLUGIN)], check=True, capture_output=True)
    path = os.pathsep.join([str(place / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "THIMBLE_STORE": str(place / "store")}


def _pytest(environment: dict[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "--import-mode=importlib", "-p", "no:cacheprovider", *words]
    kept = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def test_its_own_tests_pass(environment: dict[str, str]) -> None:
    assert " passed" in _pytest(environment, str(PLUGIN / "tests"))


@pytest.mark.parametrize(("file", "name"), CONTRACTS)
def test_it_keeps_the_contract_of_its_kind(environment: dict[str, str], file: str, name: str) -> None:
    """With ``-k`` no test at all would be an error of pytest's, so the name is registered."""
    assert " passed" in _pytest(environment, file, "-k", name)
