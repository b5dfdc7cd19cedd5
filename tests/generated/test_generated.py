"""Inputs of strangers by the thousand: each is used, or refused in one line, within ten seconds and 2 GB."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

TESTS = Path(__file__).parents[1]
pytestmark = [pytest.mark.generated, pytest.mark.timeout(1800)]
batch = settings.get_profile("generated")


def loaded(path: Path) -> Any:
    """A module of the tests, by its file."""
    spec = importlib.util.spec_from_file_location(f"generated_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = loaded(Path(__file__).parent / "strategies.py")


def stored(name: str) -> Any:
    """Changed forms of a study that the tests keep."""
    return make.changed((TESTS / "stored" / f"{name}.json").read_text())


@batch
@given(content=st.sampled_from(["one", "lab", "no-latency", "failures"]).flatmap(stored))
def test_studies(doors: Any, content: str) -> None:
    doors.put("study", content=content)


ARTIFACT = {
    "format": "onnx",
    "main": "model.onnx",
    "files": [{"path": "model.onnx", "bytes": 1, "sha256": "0"}],
    "inputs": [{"name": "x", "shape": [None, 3, 8, 8], "dtype": "float32", "sizes": None, "value": None}],
    "outputs": ["y"],
    "preprocess": {"size": 8, "resize": 8, "resample": "bilinear", "mean": [0, 0, 0], "std": [1, 1, 1], "layout": "chw"},
    "labels": ["a", "b"],
}


@batch
@given(content=make.changed(json.dumps(ARTIFACT)))
def test_descriptions_of_artifacts(doors: Any, content: str) -> None:
    doors.put("manifest", content=content)


@batch
@given(content=make.CONFIGURATIONS)
def test_configurations(doors: Any, content: str) -> None:
    doors.put("config", content=content)


@batch
@given(content=make.RECIPES)
def test_recipes(doors: Any, content: str) -> None:
    doors.put("recipe", content=content)


@batch
@given(content=make.NAMES)
def test_names(doors: Any, content: str) -> None:
    doors.put("name", content=content)


@batch
@given(content=make.DATA)
def test_data_sets_by_name(doors: Any, content: str) -> None:
    doors.put("data", content=content)


@batch
@given(content=make.ARCHIVES)
def test_archives_of_arrays(doors: Any, content: bytes) -> None:
    doors.put("files", content={"d.npz": content.hex()}, spec="npz:%/d.npz")


@batch
@given(files=make.FOLDERS, spec=st.sampled_from(["imagefolder:%", "audiofolder:%", "npy:%/x.npy,%/y.npy", "npy:%", "csv:%/t.csv", "hf:%"]))
def test_folders_of_data(doors: Any, files: dict[str, bytes], spec: str) -> None:
    doors.put("files", content={name: content.hex() for name, content in files.items()}, spec=spec)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, bytes]]:
    """A usual file of each format that can be made here: its suffix and its bytes."""
    samples, made = loaded(TESTS / "runtimes" / "samples.py"), {}
    for format in ("onnx", "ort", "pt2", "torchscript", "tflite", "openvino", "ncnn"):
        folder = tmp_path_factory.mktemp(format)
        try:
            main = folder / getattr(samples, format)(folder)
        except ImportError:
            continue
        made[format] = (main.suffix, main.read_bytes())
    return made


@batch
@given(choice=st.integers(0, 99), changes=make.CHANGES, kept=make.KEPT)
def test_files_of_models(doors: Any, models: dict[str, tuple[str, bytes]], choice: int, changes: Any, kept: float) -> None:
    format = sorted(models)[choice % len(models)]
    suffix, whole = models[format]
    doors.put("model", native=True, content=make.damaged(whole, changes, kept).hex(), format=format, suffix=suffix)


@batch
@given(content=make.WEIGHTS)
def test_files_of_weights(doors: Any, content: bytes) -> None:
    doors.put("weights", content=content.hex())


@batch
@given(words=make.command_lines())
def test_command_lines(doors: Any, words: list[str]) -> None:
    doors.put("command", words=words)
