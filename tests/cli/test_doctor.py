"""``thimble doctor``: the machine, an artifact, a study; bad input in one line."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from thimble.api.machine import INT8, machine
from thimble.cli import _causes, doctor
from thimble.core.artifact import Artifact, write_manifest
from thimble.core.processor import int8_support
from thimble.core.study import Candidate, write_study
from thimble.core.values import File, TensorSpec
from thimble.devices import lock

_spec = importlib.util.spec_from_file_location("quantized", Path(__file__).parents[1] / "measure" / "quantized.py")
assert _spec is not None
assert _spec.loader is not None
quantized = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(quantized)


@pytest.fixture(autouse=True)
def _own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "lock_path", lambda: tmp_path / "lock")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(doctor.command, list(arguments), catch_exceptions=False)


def artifact(folder: Path, kind: Any = np.uint8, weights: int = 127) -> Path:
    """An artifact's folder with a small quantized network."""
    folder.mkdir(parents=True)
    path = quantized.convolutions(folder / "model.onnx", kind, weights)
    given = (TensorSpec("x", (None, *quantized.IMAGES)),)
    write_manifest(Artifact("onnx", "model.onnx", (File.of(path, folder),), given, ("output",)), folder)
    return folder


def arrays(path: Path) -> str:
    """A task of noise whose classes are those that the network itself tells."""
    generator = np.random.default_rng(0)
    x = generator.random((200, *quantized.IMAGES), dtype=np.float32)
    np.savez(path, x=x, y=generator.integers(0, 10, 200))
    return f"npz:{path}"


def test_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    found = machine()
    assert found.int8 == int8_support()
    assert found.int8_means == INT8[found.int8]
    states = {runtime.name: runtime for runtime in found.runtimes}
    assert states["onnxruntime"].version
    assert all((runtime.version is None) == (runtime.install is not None) for runtime in found.runtimes)
    assert found.load is None or 0 <= found.load <= 1
    told = json.loads(run("--json").stdout)
    assert told["environment"]["processor"] == found.environment.processor


def test_an_absent_runtime_gives_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else found(name))
    output = run().stdout
    assert "missing: pip install 'thimble-fit[openvino]'" in output
    assert max(map(len, output.splitlines())) <= 80


def test_an_artifact_on_real_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    folder = artifact(tmp_path / "it")
    done = run(str(folder), "--data", arrays(tmp_path / "data.npz"), "--threads", "1")
    assert done.exit_code == 0
    assert "5 of 5 convolutions and matrix products run in INT8" in done.stdout
    assert "validation samples" in done.stdout
    assert "(emulated)" in done.stdout
    assert "overflow" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stdout.count("pairs of") == 1


def test_an_artifact_beside_another(tmp_path: Path) -> None:
    first, second = artifact(tmp_path / "seven", weights=63), artifact(tmp_path / "full")
    told = json.loads(run(str(second), "--against", str(first), "--threads", "1", "--json=raw").stdout)
    assert [candidate["name"] for candidate in told["candidates"]] == ["seven", "full"]
    assert told["runs"][0]["members"] == ["seven", "full"]
    assert told["candidates"][1]["probes"]["processors"]["with VNNI"]["sqnr_db"] is not None
    assert set(told["candidates"][1]["sensitivity_db"]) == {"conv1", "conv2", "depthwise", "pointwise", "linear"}


def study_in(folder: Path, made: Any, *names: str) -> Path:
    """A study's folder whose named candidates have artifacts."""
    study = made
    changed = []
    for candidate in study.candidates:
        if candidate.name in names:
            place = artifact(folder / "artifacts" / candidate.name)
            given = Artifact(
                "onnx", "model.onnx", (File.of(place / "model.onnx", place),), (TensorSpec("x", (None, 3, 16, 16)),), ("output",)
            )
            candidate = replace(candidate, artifact=given, folder=f"artifacts/{candidate.name}")
        changed.append(candidate)
    folder.mkdir(exist_ok=True)
    write_study(replace(study, candidates=tuple(changed)), folder)
    return folder


def blank_study(*candidates: Candidate) -> Any:
    from thimble.core.study import Limits, Study, TaskInfo
    from thimble.devices.environment import environment

    info = TaskInfo("npz:/nowhere.npz", "gone", "accuracy", "%", True, (), {})
    return Study("lab", "a.py:network", info, environment(), 1, 0, Limits(), candidates)


def test_a_study_is_looked_into_where_it_lacks_evidence(tmp_path: Path) -> None:
    recipe = "to_onnx() + onnx_quantize_static()"
    made = blank_study(Candidate("baseline", "as given", "pytorch", status="ok"), Candidate("int8", recipe, "onnxruntime", status="ok"))
    folder = study_in(tmp_path / "study", made, "int8")
    done = run(str(folder))
    assert done.exit_code == 0
    assert "5 of 5 convolutions and matrix products run in INT8" in done.stdout
    assert "made-up samples" in done.stdout


@pytest.mark.parametrize("kind", ["nothing", "text", "folder", "empty study", "broken study"])
def test_bad_input_is_one_line(kind: str, tmp_path: Path) -> None:
    from thimble.core.errors import BadInput

    given = {"nothing": tmp_path / "none.onnx", "text": tmp_path / "notes.txt"}.get(kind, tmp_path / "folder")
    if kind == "text":
        given.write_text("hello")
    elif kind != "nothing":
        given.mkdir()
    if kind == "empty study":
        write_study(blank_study(Candidate("baseline", "as given", "pytorch", status="failed", reason="it broke")), given)
    elif kind == "broken study":
        (given / "study.json").write_text("{")
    said = {
        "nothing": "doesn't exist",
        "text": "is not an artifact",
        "folder": "neither a study (it has no study.json) nor an artifact",
        "empty study": "holds a study without artifacts",
        "broken study": "is not a valid study",
    }[kind]
    with pytest.raises(BadInput) as caught:
        run(str(given))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_lines_keep_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    told = _causes.lines([("a", "word " * 40), ("longer", "x")], "  ")
    assert max(map(len, told)) <= 60
    assert told[-1] == "  longer  x"
    assert told[1].startswith(" " * 10)
