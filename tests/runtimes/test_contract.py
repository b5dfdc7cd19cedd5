"""What every registered runtime must do, in every format that it opens. A new runtime is tested the day its file appears."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.core.artifact import Artifact
from thimble.core.errors import MissingExtra, RuntimeFailed
from thimble.core.processor import features
from thimble.core.registry import RUNTIMES, runs_here
from thimble.core.subject import Runtime, Subject
from thimble.core.values import File, TensorSpec
from thimble.devices.process import Worker
from thimble.devices.processor import cores_for
from thimble.devices.worker import PRECISION_VARIABLES, THREAD_VARIABLES, limit_threads

INPUTS = (TensorSpec("left", (None, 4)), TensorSpec("right", (None, 4)))
PAIRS = [(name, format) for name, cls in RUNTIMES.all().items() for format in cls.formats]


@pytest.fixture(scope="module")
def samples() -> Any:
    spec = importlib.util.spec_from_file_location("samples", Path(__file__).parent / "samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: "-".join(pair))
def subject(request: pytest.FixtureRequest, samples: Any, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    name, format = request.param
    if not all(importlib.util.find_spec(module) for module in RUNTIMES.get(name).needs):
        pytest.skip(f"{name} is not installed")
    if not runs_here(RUNTIMES.get(name)):
        pytest.skip(f"{name} doesn't run on this system")
    folder = tmp_path_factory.mktemp(f"{name}-{format}")
    main = getattr(samples, format)(folder)
    files = tuple(File.of(path, folder) for path in sorted(folder.iterdir()))
    return Subject(name, folder, Artifact(format, main, files, INPUTS, ("total", "product")), name, threads=1)


@pytest.fixture(scope="module")
def worker(subject: Subject) -> Iterator[Worker]:
    with Worker(subject) as opened:
        yield opened


def arrays(batch: int) -> dict[str, Any]:
    generator = np.random.default_rng(batch)
    return {name: generator.normal(size=(batch, 4)).astype(np.float32) for name in ("left", "right")}


@pytest.mark.parametrize("batch", [1, 3, 2])
def test_outputs_by_name_for_inputs_by_name_at_any_batch(worker: Worker, samples: Any, batch: int) -> None:
    inputs = arrays(batch)
    outputs = worker.run(dict(reversed(inputs.items())))  # names count, order does not
    assert list(outputs) == ["total", "product"]
    for name, wanted in samples.expected(**inputs).items():
        assert outputs[name].dtype == np.float32
        np.testing.assert_allclose(outputs[name], wanted, rtol=1e-2 if worker.subject.runtime == "ncnn" else 1e-5, atol=1e-2)


def test_outputs_do_not_change_when_the_next_ones_come(worker: Worker) -> None:
    first = worker.run(arrays(1))
    kept = {name: array.copy() for name, array in first.items()}
    worker.run(arrays(5))
    for name, array in first.items():
        np.testing.assert_array_equal(array, kept[name])


def test_bound_inputs_are_timed(worker: Worker) -> None:
    worker.bind(arrays(2))
    samples_ms = worker.time(4)
    assert len(samples_ms) == 4
    assert min(samples_ms) > 0


def test_every_thread_stays_on_the_cores_it_was_given(worker: Worker) -> None:
    worker.run(arrays(8))
    threads = [int(task.name) for task in Path(f"/proc/{worker.pid}/task").iterdir()]
    assert {tuple(sorted(os.sched_getaffinity(thread))) for thread in threads} == {tuple(cores_for(1))}


def test_other_names_in_the_artifact_are_taken_by_position(subject: Subject, samples: Any) -> None:
    if subject.artifact.format == "tflite":
        pytest.skip("the sample's positions differ from its signature on purpose")
    renamed = replace(subject.artifact, inputs=(replace(INPUTS[0], name="a"), replace(INPUTS[1], name="b")), outputs=("c", "d"))
    inputs = arrays(1)
    with Worker(replace(subject, artifact=renamed)) as worker:
        outputs = worker.run({"a": inputs["left"], "b": inputs["right"]})
    assert list(outputs) == ["c", "d"]
    np.testing.assert_allclose(outputs["d"], inputs["left"] * inputs["right"], rtol=1e-2, atol=1e-2)


def test_a_file_that_is_none_of_its_own_is_one_line(subject: Subject, tmp_path: Path) -> None:
    for file in subject.artifact.files:
        (tmp_path / file.path).write_bytes(b"this is no network")
    with pytest.raises(RuntimeFailed) as caught:
        Worker(replace(subject, folder=tmp_path)).open()
    assert "\n" not in str(caught.value)
    assert subject.artifact.main in str(caught.value)


def test_an_unknown_option_is_refused(subject: Subject) -> None:
    if subject.runtime == "onnxruntime":
        subject = replace(subject, options={"graph_optimization_level": "none of them"})
    else:
        subject = replace(subject, options={"no_such_option": "1"})
    with pytest.raises(RuntimeFailed, match=r"no_such_option|none of them|NO_SUCH_OPTION"):
        Worker(subject).open()


@pytest.mark.parametrize("name", RUNTIMES.names())
def test_a_runtime_is_one_light_file_that_travels_alone(name: str) -> None:
    cls = RUNTIMES.get(name)
    assert isinstance(cls(), Runtime)
    assert cls.title
    assert cls.formats
    top = [node for node in ast.parse(Path(inspect.getfile(cls)).read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in top}
    assert {module.split(".")[0] for module in modules} <= set(sys.stdlib_module_names)
    everywhere = ast.walk(ast.parse(Path(inspect.getfile(cls)).read_text()))
    assert not any(isinstance(node, ast.ImportFrom) and (node.module or "").startswith("thimble") for node in everywhere)


@pytest.mark.parametrize("name", [name for name, cls in RUNTIMES.all().items() if cls.extra])
def test_an_absent_library_names_its_extra(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child can't import the library because a module of that name that raises stands before it."""
    cls = RUNTIMES.get(name)
    module = cls.needs[0]
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('gone', name={module!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    subject = Subject("it", tmp_path, Artifact(cls.formats[0], "model", (), INPUTS, ()), name)
    with pytest.raises(MissingExtra, match=rf"thimble-fit\[{cls.extra}\]"):
        Worker(subject).open()


def test_what_it_computes_in_is_told(worker: Worker) -> None:
    assert worker.opened is not None
    assert worker.opened.precision == "float32"


def test_openvino_computes_in_what_it_is_asked_for(samples: Any, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    files = (File.of(tmp_path / samples.onnx(tmp_path), tmp_path),)
    artifact = Artifact("onnx", "model.onnx", files, INPUTS, ("total", "product"))
    exact = samples.expected(**arrays(64))["total"]
    errors = {}
    for hint, told in (("", "float32"), ("bf16", "bfloat16")):
        options = {"INFERENCE_PRECISION_HINT": hint} if hint else {}
        with Worker(Subject("it", tmp_path, artifact, "openvino", 1, options)) as opened:
            assert opened.opened is not None
            if not hint or {"avx512_bf16", "amx_bf16"} & set(features()):
                assert opened.opened.precision == told
            errors[told] = float(np.abs(opened.run(arrays(64))["total"] - exact).max())
    assert errors["float32"] < 1e-5


def test_onednn_is_not_left_to_take_bfloat16_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PRECISION_VARIABLES, *THREAD_VARIABLES):
        monkeypatch.setenv(name, "BF16")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    limit_threads(2)
    assert not set(PRECISION_VARIABLES) & set(os.environ)


def test_openvino_leaves_pinning_to_whoever_measures(samples: Any, tmp_path: Path) -> None:
    """Pinned to one core by two, each inference waits for another thread: a keyword spotter takes twice as long."""
    pytest.importorskip("openvino")
    from thimble.runtimes.openvino import Openvino

    def pinning(options: dict[str, str]) -> bool:
        session = Openvino().open(str(file), [spec.name for spec in INPUTS], ["total", "product"], 1, options)
        return bool(session.compiled().get_property("ENABLE_CPU_PINNING"))

    file = tmp_path / samples.openvino(tmp_path)
    assert pinning({}) is False
    assert pinning({"ENABLE_CPU_PINNING": "YES"}) is True
