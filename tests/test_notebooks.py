"""The course as notebooks: made from the scripts, and executed."""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
TOOL = runpy.run_path(str(ROOT / "tools" / "notebooks.py"))


@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_each_script_has_its_notebook(script: Path) -> None:
    assert script.with_suffix(".ipynb").read_text() == TOOL["notebook"](script), "run: python tools/notebooks.py"
    cells = json.loads(script.with_suffix(".ipynb").read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    statements = [line for line in script.read_text().split('"""\n', 1)[1].splitlines() if line.strip() and "sys" not in line]
    assert [line for line in statements if line not in code] == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("nbclient", "nbformat", "ipykernel")), reason="needs nbclient and ipykernel"
)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_its_study(path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.getbasetemp() / "notebooks"
    place.mkdir(exist_ok=True)
    code = (
        "import sys, nbformat; from nbclient import NotebookClient\n"
        "book = nbformat.read(sys.argv[1], as_version=4)\n"
        "NotebookClient(book, timeout=900, kernel_name='python3', resources={'metadata': {'path': sys.argv[2]}}).execute()\n"
        "print(book.cells[-1].outputs[0].data['text/html'])\n"
    )
    environment = {**os.environ, "THIMBLE_STORE": str(place / "store"), "THIMBLE_QUICK": "1", "IPYTHONDIR": str(place / "ipython")}
    command = [sys.executable, "-c", code, str(path), str(place)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "<td>baseline</td>" in done.stdout or "<b>baseline</b>" in done.stdout
