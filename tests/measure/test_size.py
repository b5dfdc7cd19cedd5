from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.core.artifact import Artifact
from thimble.core.errors import BadInput
from thimble.core.values import File
from thimble.measure.size import deflated_bytes, measure_size, stored_tensors

PARAMETERS = 8 * 27 + 8 + 4 * 8 + 4
MACS = 6 * 6 * 8 * 27 + 8 * 4


@pytest.mark.parametrize("name", ["onnx", "pt2", "torchscript"])
def test_float_artifacts(name: str, request: pytest.FixtureRequest) -> None:
    subject = request.getfixturevalue(f"{name}_subject")
    size = measure_size(subject.folder, subject.artifact)
    assert size.bytes == sum(path.stat().st_size for path in subject.folder.iterdir())
    assert 0 < size.deflated_bytes <= size.bytes
    assert size.bytes_by_type == {"float32": 4 * PARAMETERS}
    assert (size.parameters, size.nonzero_parameters, size.macs) == (PARAMETERS, PARAMETERS, MACS)


def test_external_data_counts(onnx_subject: Any, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(str(onnx_subject.folder / "model.onnx"))
    onnx.save(model, str(tmp_path / "model.onnx"), save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    artifact = replace(onnx_subject.artifact, files=tuple(File.of(path, tmp_path) for path in sorted(tmp_path.iterdir())))
    size = measure_size(tmp_path, artifact)
    assert len(artifact.files) == 2
    assert size.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert (size.parameters, size.macs, size.bytes_by_type) == (PARAMETERS, MACS, {"float32": 4 * PARAMETERS})


def test_packed_int8_weights_of_pytorch_are_int8(network: Any, torchscript_subject: Any, tmp_path: Path) -> None:
    import torch
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    example = torch.randn(2, 3, 8, 8)
    observed = prepare_fx(network, get_default_qconfig_mapping("x86"), (example,))
    observed(example)
    torch.jit.trace(convert_fx(observed), example).save(str(tmp_path / "model.pt"))
    artifact = replace(torchscript_subject.artifact, files=(File.of(tmp_path / "model.pt", tmp_path),))
    size = measure_size(tmp_path, artifact)
    assert size.bytes_by_type["int8"] == 8 * 27 + 4 * 8
    assert size.bytes_by_type["float32"] < 4 * PARAMETERS / 2
    assert (size.parameters, size.macs) == (PARAMETERS, MACS)


def test_dynamic_int8_of_pytorch_leaves_the_convolution_in_float(network: Any, torchscript_subject: Any, tmp_path: Path) -> None:
    import torch
    from torch.ao.quantization import quantize_dynamic

    quantized = quantize_dynamic(network, {torch.nn.Linear, torch.nn.Conv2d})
    torch.jit.trace(quantized, torch.randn(2, 3, 8, 8)).save(str(tmp_path / "model.pt"))
    artifact = replace(torchscript_subject.artifact, files=(File.of(tmp_path / "model.pt", tmp_path),))
    by_type = measure_size(tmp_path, artifact).bytes_by_type
    assert by_type["int8"] == 4 * 8
    assert by_type["float32"] >= 4 * 8 * 27


@pytest.mark.parametrize("symmetric", [True, False])
def test_int8_onnx_and_its_sparsity(symmetric: bool, onnx_subject: Any, weights: Any, tmp_path: Path) -> None:
    import onnx
    import onnxruntime.quantization as quantization

    model = onnx.load(str(onnx_subject.folder / "model.onnx"))
    sparse = weights["conv"].copy()
    sparse[:, 0] = 0  # a third of the filters' weights
    next(t for t in model.graph.initializer if t.name == "conv").CopyFrom(onnx.numpy_helper.from_array(sparse, "conv"))
    onnx.save(model, str(tmp_path / "sparse.onnx"))
    (tmp_path / "out").mkdir()
    kind = quantization.QuantType.QInt8 if symmetric else quantization.QuantType.QUInt8
    quantization.quantize_dynamic(tmp_path / "sparse.onnx", tmp_path / "out" / "model.onnx", weight_type=kind)
    artifact = replace(onnx_subject.artifact, files=(File.of(tmp_path / "out" / "model.onnx", tmp_path / "out"),))
    size = measure_size(tmp_path / "out", artifact)
    assert size.parameters == PARAMETERS
    assert size.nonzero_parameters is not None
    assert 72 <= PARAMETERS - size.nonzero_parameters <= 76  # the zeros, and what rounding adds
    assert size.bytes_by_type["int8" if symmetric else "uint8"] >= 8 * 27 + 4 * 8


def test_zeros_deflate(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=2_000_000).astype(np.float32)
    (tmp_path / "dense").write_bytes(data.tobytes())
    data[::2] = 0
    (tmp_path / "sparse").write_bytes(data.tobytes())
    assert deflated_bytes(tmp_path / "sparse") < 0.7 * deflated_bytes(tmp_path / "dense")
    assert deflated_bytes(tmp_path / "dense") == pytest.approx(len(zlib.compress((tmp_path / "dense").read_bytes(), 6)), rel=0.002)


def test_subnormal_weights_are_counted(onnx_subject: Any, torchscript_subject: Any, network: Any, tmp_path: Path) -> None:
    import onnx
    import torch

    model = onnx.load(str(onnx_subject.folder / "model.onnx"))
    model.graph.initializer[1].CopyFrom(onnx.numpy_helper.from_array(np.full(8, 1e-40, np.float32), "conv_bias"))
    onnx.save(model, str(tmp_path / "model.onnx"))
    stored = stored_tensors(tmp_path, onnx_subject.artifact)
    assert stored is not None
    assert {tensor.name: tensor.subnormal for tensor in stored if tensor.subnormal} == {"conv_bias": 8}
    module = torch.jit.load(str(torchscript_subject.folder / "model.pt"))
    module.state_dict()["0.bias"].fill_(1e-40)
    module.save(str(tmp_path / "model.pt"))
    stored = stored_tensors(tmp_path, torchscript_subject.artifact)
    assert stored is not None
    assert sum(tensor.subnormal for tensor in stored) == 8


def test_batch_norm_statistics_are_stored_but_no_parameters(tmp_path: Path) -> None:
    import torch

    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4)).eval()
    torch.jit.trace(module, torch.zeros(1, 3, 2, 2)).save(str(tmp_path / "model.pt"))
    artifact = Artifact("torchscript", "model.pt", (File.of(tmp_path / "model.pt", tmp_path),), (), ("output",))
    size = measure_size(tmp_path, artifact)
    assert size.parameters == 4 * 3 + 4 + 8
    assert size.bytes_by_type == {"float32": 4 * (4 * 3 + 4 + 16), "int64": 8}


def test_a_format_that_is_not_known_gives_what_can_be_told(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x" * 1000)
    size = measure_size(tmp_path, Artifact("strange", "model.bin", (File.of(tmp_path / "model.bin", tmp_path),), (), ()))
    assert size.bytes == 1000
    assert size.deflated_bytes < 100
    assert size.parameters is size.nonzero_parameters is size.macs is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"lacks gone\.bin"):
        measure_size(tmp_path, Artifact("onnx", "gone.bin", (File("gone.bin", 1, ""),), (), ()))


def test_openvino_files_are_read_too(onnx_subject: Any, tmp_path: Path) -> None:
    ov = pytest.importorskip("openvino")
    ov.save_model(ov.convert_model(onnx_subject.folder / "model.onnx"), tmp_path / "model.xml", compress_to_fp16=True)
    files = tuple(File.of(path, tmp_path) for path in sorted(tmp_path.iterdir()))
    size = measure_size(tmp_path, replace(onnx_subject.artifact, format="openvino", main="model.xml", files=files))
    assert size.bytes_by_type["float16"] >= 2 * PARAMETERS
    assert (size.parameters, size.macs) == (PARAMETERS, MACS)


def test_tflite_files_are_read_too(tmp_path: Path) -> None:
    import importlib.util

    pytest.importorskip("ai_edge_litert")
    spec = importlib.util.spec_from_file_location("samples", Path(__file__).parent.parent / "inference" / "samples.py")
    assert spec is not None
    assert spec.loader is not None
    samples = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(samples)
    artifact = Artifact("tflite", samples.tflite(tmp_path), (File.of(tmp_path / "model.tflite", tmp_path),), (), ())
    size = measure_size(tmp_path, artifact)
    assert size.bytes_by_type == {"float32": 64}
    assert (size.parameters, size.macs) == (16, 16)
