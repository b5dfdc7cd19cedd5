"""Tiny artifacts, and a runtime that follows a script."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from thimble.core.artifact import Artifact
from thimble.core.registry import RUNTIMES
from thimble.core.subject import Subject
from thimble.core.values import File, TensorSpec
from thimble.devices import lock

IMAGE = TensorSpec("image", (None, 3, 8, 8))


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests don't wait for whatever else is measuring on this machine: they look at no times."""
    monkeypatch.setattr(lock, "lock_path", lambda: tmp_path / "lock")


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Subject]:
    """Makes a subject that does what its keywords say."""
    here = Path(__file__).parent.parent / "runtimes"
    classes = {"scripted": _module("scripted", here / "scripted.py").Scripted, "absent": _module("absent", here / "absent.py").Absent}
    plugins = {name: SimpleNamespace(load=lambda cls=cls: cls) for name, cls in classes.items()}
    monkeypatch.setitem(RUNTIMES.__dict__, "_plugins", plugins)

    def make(name: str = "it", threads: int = 1, outputs: tuple[str, ...] = ("output",), **script: Any) -> Subject:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "model.json").write_text(json.dumps(script))
        files = (File.of(folder / "model.json", folder),)
        return Subject(name, folder, Artifact("scripted", "model.json", files, (IMAGE,), outputs), "scripted", threads)

    return make


@pytest.fixture
def image() -> dict[str, Any]:
    """One input for the tiny networks."""
    return {"image": np.random.default_rng(0).random((1, 3, 8, 8), dtype=np.float32)}


@pytest.fixture(scope="session")
def weights() -> dict[str, Any]:
    """The tiny network's: a convolution of 8 filters, and a linear layer to 4 classes."""
    generator = np.random.default_rng(1)
    shapes = {"conv": (8, 3, 3, 3), "conv_bias": (8,), "linear": (4, 8), "linear_bias": (4,)}
    return {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="session")
def onnx_subject(weights: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """The tiny network as ONNX, with a free batch dimension."""
    from onnx import TensorProto, helper, numpy_helper, save

    nodes = [
        helper.make_node("Conv", ["image", "conv", "conv_bias"], ["c"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "linear", "linear_bias"], ["output"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    folder = tmp_path_factory.mktemp("onnx")
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(folder / "model.onnx"))
    return subject_of("onnx", folder, "onnx", "model.onnx", "onnxruntime")


@pytest.fixture(scope="session")
def network(weights: dict[str, Any]) -> Any:
    """The tiny network in PyTorch."""
    import torch
    from torch import nn

    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)).eval()
    for parameter, value in zip(module.parameters(), weights.values(), strict=True):
        parameter.data = torch.from_numpy(value.copy())
    return module


@pytest.fixture(scope="session")
def torchscript_subject(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """The tiny network as TorchScript."""
    import torch

    folder = tmp_path_factory.mktemp("torchscript")
    torch.jit.trace(network, torch.zeros(2, 3, 8, 8)).save(str(folder / "model.pt"))
    return subject_of("torchscript", folder, "torchscript", "model.pt", "pytorch")


@pytest.fixture(scope="session")
def pt2_subject(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """The tiny network as an exported program."""
    import torch

    folder = tmp_path_factory.mktemp("pt2")
    program = torch.export.export(network, (torch.zeros(2, 3, 8, 8),), dynamic_shapes=({0: torch.export.Dim("n")},))
    torch.export.save(program, folder / "model.pt2")
    return subject_of("pt2", folder, "pt2", "model.pt2", "pytorch")


def subject_of(name: str, folder: Path, format: str, main: str, runtime: str) -> Subject:
    """A subject of every file in a folder."""
    files = tuple(File.of(path, folder) for path in sorted(folder.iterdir()))
    return Subject(name, folder, Artifact(format, main, files, (IMAGE,), ("output",)), runtime)
