"""A study of two ONNX files on the digits, made by hand: a float baseline, and its INT8 form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from thimble.core.artifact import Artifact, write_manifest
from thimble.core.preprocess import Preprocess
from thimble.core.study import Candidate, Environment, Limits, Quality, Study, write_study
from thimble.core.task import TaskSpec
from thimble.core.values import File, TensorSpec
from thimble.data import open_task, task_info
from thimble.devices.environment import environment
from thimble.measure.size import measure_size

READ = Preprocess(size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
LABELS = tuple("0123456789")


def fitted(w: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """The linear layer behind the convolution that tells digits apart, by ridge regression on logits of -5 and 5."""
    batch = next(iter(open_task(TaskSpec("digits", preprocess=READ)).split("train").batches(1000)))
    windows = np.lib.stride_tricks.sliding_window_view(next(iter(batch.inputs.values())), (3, 3), axis=(2, 3))
    features = np.maximum(np.einsum("ncyxij,ocij->noyx", windows, w) + b[:, None, None], 0).reshape(len(windows), -1)
    wanted = np.where(np.arange(10) == batch.targets[:, None], 5.0, -5.0)
    return np.linalg.solve(features.T @ features + 10 * np.eye(features.shape[1]), features.T @ wanted).astype(np.float32)


def network(path: Path) -> None:
    """A convolution with weights from a seed, and a linear layer behind it that was fitted to digits."""
    draw = np.random.default_rng(0)
    w, b = draw.normal(size=(8, 3, 3, 3)).astype(np.float32) * 0.3, draw.normal(size=8).astype(np.float32)
    weights = {"w": w, "b": b, "v": fitted(w, b)}
    nodes = [
        helper.make_node("Conv", ["input", "w", "b"], ["c"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("MatMul", ["f", "v"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def quantized(source: Path, path: Path) -> None:
    """The same in INT8, calibrated on digits."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    batches = iter(open_task(TaskSpec("digits", preprocess=READ)).split("calibration").batches(10))

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> object:
            batch = next(batches, None)
            return batch and batch.inputs

    quantize_static(source, path, Reader(), activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, reduce_range=True)


def artifact(folder: Path) -> Artifact:
    """Describe the folder's ``model.onnx``."""
    made = Artifact(
        "onnx", "model.onnx", (File.of(folder / "model.onnx", folder),), (TensorSpec("input", (None, 3, 8, 8)),), ("output",), READ, LABELS
    )
    write_manifest(made, folder)
    return made


@pytest.fixture(scope="session")
def handmade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study's folder with two candidates, ``onnx`` and ``int8``."""
    folder = tmp_path_factory.mktemp("handmade")
    found = []
    task = open_task(TaskSpec("digits", preprocess=READ, weights_given=True))
    conditions: Environment = environment(["onnxruntime"])
    test = task.split("test")
    for name, recipe in (("onnx", "to_onnx()"), ("int8", "to_onnx() + onnx_quantize_static()")):
        place = folder / "artifacts" / name
        place.mkdir(parents=True)
        if name == "onnx":
            network(place / "model.onnx")
        else:
            quantized(folder / "artifacts" / "onnx" / "model.onnx", place / "model.onnx")
        right = (1.0,) * len(test)
        scored = {split: Quality(split, test.fingerprint(), "accuracy", right, right) for split in ("validation", "test")}
        made = artifact(place)
        size = measure_size(place, made)
        found.append(
            Candidate(name, recipe, "onnxruntime", folder=f"artifacts/{name}", artifact=made, status="ok", size=size, quality=scored)
        )
    limits = Limits(max_drop=5.0, minimize="size")
    info = task_info("digits", task)
    write_study(Study("fit", "m.onnx", info, conditions, 1, 0, limits, tuple(found), chosen="int8", complete=True), folder)
    return folder
