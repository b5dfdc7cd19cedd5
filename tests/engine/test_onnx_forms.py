"""Every ONNX step works on every form that exporters write, and on the Model Zoo's graphs that the onnx package carries."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from thimble.core.task import ModelSpec, TaskSpec
from thimble.engine.process import StepsProcess
from thimble.engine.requests import Request
from thimble.engine.store import Store

FORMS = Path(__file__).parents[1] / "models" / "onnx_forms.py"
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
KINDS = {
    "plain": {},
    "opset7": {"form": "inputs", "opset": 7, "ir": 3},
    "opset9": {"opset": 9, "ir": 4},
    "opset11": {"opset": 11, "ir": 4},
    "opset12": {"opset": 12, "ir": 4},
    "computed": {"form": "computed", "opset": 9, "ir": 3},
    "constant": {"form": "constant"},
    "half": {"form": "half"},
    "cast": {"form": "cast"},
    "inputs": {"form": "inputs"},
    "norm": {"form": "norm"},
    "shared_bias": {"form": "shared_bias", "names": ("x0", "b10")},
    "name_scale": {"names": ("a", "w1_scale")},
    "name_quantized": {"names": ("a", "b1_quantized")},
}
STEPS = ("onnx_quantize_static", "onnx_quantize_dynamic", "onnx_store_fp16")


@pytest.fixture(scope="module")
def process() -> Iterator[StepsProcess]:
    with StepsProcess() as running:
        yield running


@pytest.fixture
def task(tmp_path: Path) -> TaskSpec:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", x=rng.normal(0, 1, (120, 3, 16, 16)).astype("f4"), y=np.arange(120) % 3)
    return TaskSpec(f"npz:{tmp_path / 'data.npz'}")


def built(kind: str, folder: Path) -> Path:
    spec = importlib.util.spec_from_file_location("onnx_forms", FORMS)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["onnx_forms"] = module
    spec.loader.exec_module(module)
    return module.classifier(folder / "net.onnx", **KINDS[kind])


def answer(path: Path, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    one = session.get_inputs()[0]
    return session.run(None, {one.name: image.astype("f2" if one.type == "tensor(float16)" else "f4")})[0].astype("f8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_works_on_every_form(kind: str, tmp_path: Path, process: StepsProcess, task: TaskSpec) -> None:
    store, path = Store(tmp_path / "store"), built(kind, tmp_path)
    process.ask(Request(str(store.root), kind, ModelSpec(str(path)), task))
    image = np.random.default_rng(1).normal(0, 1, (8, 3, 16, 16))
    wanted = answer(path, image)
    for step in STEPS:
        process.ask(Request(str(store.root), f"{kind}-{step}", ModelSpec(str(path)), task, step=step, parent=kind))
        made = store.load(f"{kind}-{step}")
        proto = onnx.load(made.folder / "model.onnx")
        assert [value.name for value in (*proto.graph.input, *proto.graph.output)] == ["image", "logits"]
        noise = answer(made.folder / "model.onnx", image) - wanted
        assert 10 * np.log10((wanted**2).sum() / (noise**2).sum().clip(1e-12)) > (40 if step == "onnx_store_fp16" else 20)
        if step == "onnx_store_fp16":
            assert made.notes["stored_fp16"] == 3
            continue
        assert (made.notes["quantized_operators"], made.notes["float_operators"]) == (3, 0)
        assert "left_in_float" not in made.notes
        large = [tensor for tensor in proto.graph.initializer if np.prod(tensor.dims) > 32]
        assert {tensor.data_type for tensor in large} <= {TensorProto.INT8, TensorProto.UINT8}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in LIGHT.glob("*.onnx")))
def test_the_model_zoos_light_graphs(name: str, tmp_path: Path, process: StepsProcess) -> None:
    store, path = Store(tmp_path / "store"), LIGHT / f"{name}.onnx"
    images = np.random.default_rng(0).normal(0, 1, (60, 3, 224, 224)).astype("f4")
    np.savez(tmp_path / "data.npz", x=images, y=np.arange(60) % 3)
    task = TaskSpec(f"npz:{tmp_path / 'data.npz'}")
    process.ask(Request(str(store.root), name, ModelSpec(str(path)), task))
    for step in STEPS[:2]:
        process.ask(Request(str(store.root), f"{name}-{step}", ModelSpec(str(path)), task, step=step, parent=name))
        made = store.load(f"{name}-{step}")
        assert made.notes["float_operators"] == 0
        assert answer(made.folder / "model.onnx", images[:1]).size == 1000
