"""One door for every file that a runtime or a reader opens: a hostile file of each format, and of each kind that is read."""

from __future__ import annotations

import ast
import importlib.util
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import thimble
from thimble.api.measure import measure
from thimble.api.request import Measure
from thimble.core.artifact import Artifact, write_manifest
from thimble.core.errors import BadInput
from thimble.core.registry import MODELS, RUNTIMES
from thimble.core.task import ModelSpec, TaskSpec
from thimble.core.values import File, TensorSpec
from thimble.data import open_task
from thimble.formats import format_named, formats
from thimble.models import declared_inputs, look_through
from thimble.models._state import read_state

FORMATS = sorted({*formats(), *(format for cls in RUNTIMES.all().values() for format in cls.formats)})


def loaded(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(Path(name).stem, Path(__file__).parents[1] / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hostile, samples = loaded("models/hostile.py"), loaded("runtimes/samples.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "artifact").mkdir()
    return tmp_path / "artifact"


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_a_check_and_a_hostile_file_that_it_refuses(format: str, folder: Path, tmp_path: Path) -> None:
    count = 0
    for path in getattr(hostile, format)(folder, tmp_path / "mark"):
        with pytest.raises(BadInput) as caught:
            look_through(path, format)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
        count += 1
    assert count
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("format", FORMATS)
def test_no_artifact_folder_gets_past_it(format: str, folder: Path, tmp_path: Path) -> None:
    for path in getattr(hostile, format)(folder, tmp_path / "mark"):
        files = tuple(File(name.name, 1, "0") for name in folder.iterdir() if not name.is_symlink() and name.name != "artifact.json")
        write_manifest(Artifact(format, path.name, files, (TensorSpec("x", (None, 4)),), ("y",)), folder)
        with pytest.raises(BadInput):
            measure([str(folder)], Measure(threads=1))
        break
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("format", FORMATS)
def test_a_usual_file_passes(format: str, folder: Path) -> None:
    try:
        main = getattr(samples, format)(folder)
    except ImportError as error:
        pytest.skip(f"{error.name} is not installed")
    look_through(folder / main, format)


def test_a_file_beside_the_main_one_stays_in_the_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "model.param").write_text("7767517\n1 1\nInput in0 0 1 in0\n")
    (tmp_path / "secret").touch()
    (folder / "model.bin").symlink_to(tmp_path / "secret")
    write_manifest(Artifact("ncnn", "model.param", (File("model.param", 1, "0"),), (TensorSpec("x", (None, 4)),), ("y",)), folder)
    with pytest.raises(BadInput, match="leads outside the artifact's folder"):
        measure([str(folder)], Measure(threads=1))


def test_a_format_without_a_check_is_not_opened(folder: Path) -> None:
    (folder / "model.new").touch()
    with pytest.raises(BadInput, match="can't be checked"):
        look_through(folder / "model.new", "new")


def test_the_contents_count_too(folder: Path, tmp_path: Path) -> None:
    path = next(hostile.torchscript(folder, tmp_path / "mark"))
    with pytest.raises(BadInput):
        look_through(path, "onnx")
    assert all(hasattr(MODELS.get(name), "look_through") for name in FORMATS)


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_is_read_of_it_before_the_door(format: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, seen = format_named(format), []
    monkeypatch.setattr(module, "ends", lambda path: seen.append(path), raising=False)
    for path in getattr(hostile, format)(folder, tmp_path / "mark"):
        declared_inputs(ModelSpec(str(path)))
        break
    assert not seen


def test_arrays_and_weights_are_never_unpickled(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    bomb = hostile.Bomb(mark)
    np.savez(tmp_path / "data.npz", x=np.array([bomb] * 3, dtype=object), y=np.arange(3))
    with pytest.raises(BadInput, match="Python objects"):
        open_task(TaskSpec(f"npz:{tmp_path / 'data.npz'}")).split("test")
    for name, write in (
        ("new.pth", lambda path: torch.save({"w": bomb}, path)),
        ("old.pth", lambda path: torch.save({"w": bomb}, path, _use_new_zipfile_serialization=False)),
        ("bare.pth", lambda path: path.write_bytes(pickle.dumps({"w": bomb}))),
        ("named.safetensors", lambda path: torch.save({"w": bomb}, path)),
    ):
        if name.endswith("safetensors") and importlib.util.find_spec("safetensors") is None:
            continue
        write(tmp_path / name)
        with pytest.raises(BadInput) as caught:
            read_state(tmp_path / name)
        assert not unsafe_advice(str(caught.value))
    assert not mark.exists()


def unsafe_advice(text: str) -> bool:
    """Whether a message says how to load what was refused."""
    return any(word in text for word in ("weights_only", "allow_pickle", "add_safe_globals", "safe_globals", "arbitrary code"))


def test_no_warning_says_it_either(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"\x80\x02\x80\t\x9a")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(BadInput):
            read_state(tmp_path / "w.pth")
    assert not told


def test_no_message_says_how_to_load_unsafely(folder: Path, tmp_path: Path) -> None:
    path = next(hostile.pt2(folder, tmp_path / "mark"))
    with pytest.raises(BadInput) as caught:
        look_through(path, "pt2")
    assert not unsafe_advice(str(caught.value))
    for name in ("cut.pth", "noise.pth"):
        torch.save({"w": torch.zeros(64)}, tmp_path / name)
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2] if name == "cut.pth" else content[::-1])
        with pytest.raises(BadInput) as caught:
            read_state(tmp_path / name)
        assert not unsafe_advice(str(caught.value))


OPENERS = {
    ("torch", "load"): {"engine/store.py", "models/_state.py", "steps/compress/_states.py"},
    ("jit", "load"): {"runtimes/pytorch.py", "formats/torchscript.py"},
    ("export", "load"): {"runtimes/pytorch.py", "formats/pt2.py", "models/pt2.py", "steps/export/to_pt2.py"},
    ("_inductor", "aoti_load_package"): {"runtimes/aotinductor.py", "formats/aotinductor.py"},
    ("portable_lib", "_load_for_executorch"): {"runtimes/executorch.py", "formats/executorch.py"},
    ("np", "load"): {"data/npz.py", "data/npy.py", "measure/outputs.py", "deploy/payload/proving.py", "deploy/payload/predict.py"},
    ("numpy", "load"): set(),
    ("pickle", "load"): set(),
    ("pickle", "loads"): set(),
    ("cloudpickle", "load"): set(),
    ("cloudpickle", "loads"): set(),
    ("joblib", "load"): set(),
    ("yaml", "load"): set(),
    ("os", "system"): set(),
}
"""Calls that can run what a file holds, and the modules that may make them: behind the door, or on what Thimble wrote itself."""


def test_nothing_else_opens_files_that_can_hold_code() -> None:
    root = Path(thimble.__file__).parent
    for file in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            if isinstance(function, ast.Name):
                sent = file.relative_to(root).as_posix() == "devices/agent.py"  # runs on a device what this package sends there
                assert sent or function.id not in ("eval", "exec", "compile", "__import__"), f"{file}:{node.lineno}"
            elif isinstance(function, ast.Attribute):
                owner = function.value.id if isinstance(function.value, ast.Name) else getattr(function.value, "attr", "")
                allowed = OPENERS.get((owner, function.attr))
                assert allowed is None or file.relative_to(root).as_posix() in allowed, f"{file}:{node.lineno}"
                unsafe = [word for word in node.keywords if word.arg == "allow_pickle" and not is_false(word.value)]
                assert not unsafe, f"{file}:{node.lineno}"


def is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def test_a_member_that_lies_elsewhere_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pth", "w") as archive:
        archive.writestr("../data.pkl", b"")
    with pytest.raises(BadInput, match="outside the archive"):
        read_state(tmp_path / "w.pth")
