"""Steps and workers run in the Python that is named for their runtime, and addresses say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from second import second_python
from thimble.core.artifact import Artifact
from thimble.core.errors import StepFailed
from thimble.core.pythons import naming
from thimble.core.subject import Subject
from thimble.core.task import ModelSpec, TaskSpec
from thimble.devices.process import Worker
from thimble.engine.keys import Source, step_key
from thimble.engine.process import StepsProcess
from thimble.engine.requests import Request
from thimble.engine.store import Store
from thimble.formats import describe
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic

TINY = f"{Path(__file__).parents[1] / 'tiny.py'}:network"


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return second_python(tmp_path_factory.mktemp("second") / "venv", versions={"onnxruntime": "9.8.7"})


@pytest.fixture
def process() -> Iterator[StepsProcess]:
    with StepsProcess() as process:
        yield process


def request(store: Path, key: str, **fields: object) -> Request:
    spec = ModelSpec(TINY, classes=10, size=16, shapes={"input": (1, 3, 16, 16)})
    return Request(str(store), key, spec, TaskSpec("digits", 16), **fields)  # type: ignore[arg-type]


def exported(store: Path, process: StepsProcess) -> Artifact:
    process.ask(request(store, "source"))
    process.ask(request(store, "onnx", step="to_onnx", parent="source"))
    return describe(Store(store).describe("onnx"), None, ())


def test_a_step_and_a_worker_run_there(second: Path, tmp_path: Path, process: StepsProcess) -> None:
    store = Store(tmp_path)
    with naming({"onnxruntime": str(second)}):
        artifact = exported(tmp_path, process)
        assert str(second) in process._children
        assert len(process._children) == 2
        with Worker(Subject("it", store.describe("onnx").folder, artifact, "onnxruntime")) as worker:
            assert worker._running.args[0] == str(second)  # type: ignore[index]
            there = worker.run({"input": np.ones((1, 3, 16, 16), np.float32)})
    with Worker(Subject("it", store.describe("onnx").folder, artifact, "onnxruntime")) as worker:
        here = worker.run({"input": np.ones((1, 3, 16, 16), np.float32)})
    np.testing.assert_array_equal(next(iter(there.values())), next(iter(here.values())))


def test_the_address_holds_its_versions(second: Path) -> None:
    source = Source(ModelSpec("net.py:net"), None, "print", {}, ())
    before = step_key(source, "parent", OnnxQuantizeStatic(), "")
    with naming({"onnxruntime": str(second)}):
        assert step_key(source, "parent", OnnxQuantizeStatic(), "") != before
    assert step_key(source, "parent", OnnxQuantizeStatic(), "") == before


def test_a_python_without_the_cores_libraries_is_told_with_the_command(tmp_path: Path, process: StepsProcess) -> None:
    bare = second_python(tmp_path / "bare", shared=False, modules=["onnxruntime", "onnx", "onnxscript", "torch"])
    process.ask(request(tmp_path / "store", "source"))
    wanted = rf"{bare} lacks \d+ packages that steps need; install them: {bare} -m pip install .*'msgspec>=0.19'"
    with naming({"onnxruntime": str(bare)}), pytest.raises(StepFailed, match=wanted):
        process.ask(request(tmp_path / "store", "onnx", step="to_onnx", parent="source"))
