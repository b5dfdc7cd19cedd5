"""The GitHub Action's own script and the pre-commit hook's own command, run as their runners do it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def network(path: Path, width: int) -> None:
    weights = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in (("in", (16, width)), ("out", (width, 16)))]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 16]) for name in "xy"]
    nodes = [helper.make_node("MatMul", ["x", "in"], ["h"]), helper.make_node("MatMul", ["h", "out"], ["y"])]
    graph = helper.make_graph(nodes, "n", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository in which the model was 8 wide in the first commit, and is 4,096 wide now."""
    folder = tmp_path / "project"
    folder.mkdir()
    network(folder / "model.onnx", 8)
    for words in (("init", "-q"), ("add", "."), ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    network(folder / "model.onnx", 4096)
    return folder


def script() -> str:
    """The check's script as it stands in ``action.yml``: the lines of the last ``run: |``, without their indent."""
    text = (ROOT / "action.yml").read_text().rpartition("      run: |\n")[2]
    return "".join(re.sub(r"^ {8}", "", line) for line in text.splitlines(keepends=True))


def run_action(checkout: Path, **inputs: str) -> tuple[int, str, Path]:
    files = {name: checkout.parent / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    given = {"ARTIFACTS": "model.onnx", "AGAINST": "git:HEAD", "OPTIONS": "", **inputs}
    environment = {
        **ENVIRONMENT,
        **given,
        **{name: str(path) for name, path in files.items()},
        "THIMBLE_STORE": str(checkout.parent / "s"),
        "TMPDIR": str(checkout.parent),
    }
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script()]
    done = subprocess.run(words, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    summary = files["GITHUB_STEP_SUMMARY"].read_text() if files["GITHUB_STEP_SUMMARY"].exists() else done.stderr
    return done.returncode, summary, Path(files["GITHUB_OUTPUT"].read_text().strip().removeprefix("junit="))


def test_the_action_fails_with_a_summary_where_a_limit_is_broken(checkout: Path) -> None:
    code, summary, junit = run_action(checkout)
    assert code == 4
    assert "❌" in summary
    failed = ElementTree.parse(junit).getroot().findall("testcase[failure]")
    assert "size" in {case.get("name") for case in failed}


def test_the_action_passes_where_limits_allow_it(checkout: Path) -> None:
    code, summary, _ = run_action(checkout, OPTIONS="--max-growth 100000% --max-slowdown 100000%")
    assert (code, "every limit is met" in summary) == (0, True), summary


def test_the_hook_checks_the_changed_file(checkout: Path) -> None:
    entry = re.search(r"entry: (.*)", (ROOT / ".pre-commit-hooks.yaml").read_text())[1]
    environment = {**ENVIRONMENT, "THIMBLE_STORE": str(checkout.parent / "s"), "TMPDIR": str(checkout.parent)}
    done = subprocess.run([*entry.split(), "model.onnx"], cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "size" in done.stderr
