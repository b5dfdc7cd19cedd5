"""Preprocessing in the graph: the same numbers as outside of it, for every pixel value and every layout."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper

from thimble.api.bundle import bundle
from thimble.api.request import Bundle
from thimble.api.verify import verify
from thimble.cli import thimble
from thimble.core.artifact import Artifact
from thimble.core.errors import BadInput
from thimble.core.preprocess import Preprocess
from thimble.core.subject import Subject
from thimble.core.values import File, TensorSpec
from thimble.deploy.bake import baked
from thimble.deploy.contents import Contents
from thimble.deploy.manifest import read_manifest
from thimble.devices import start

READS = {
    "imagenet": Preprocess(size=4),
    "bgr 255": Preprocess(size=4, channels="bgr", scale=255.0, mean=(103.9, 116.8, 123.7), std=(1.0, 1.0, 1.0)),
    "grey hwc": Preprocess(size=4, channels="grey", layout="hwc", mean=(0.1307,), std=(0.3081,)),
    "one number": Preprocess(size=4, mean=(0.5,), std=(0.25,)),
    "8 bits chw": Preprocess(size=4, dtype="uint8"),
}


def contents(folder: Path, read: Preprocess, dtype: str = "float32") -> Contents:
    """A network that gives its input back as one row, and random images as it takes them."""
    folder.mkdir()
    channels = 1 if read.channels == "grey" else 3
    shape = [None, channels, 4, 4] if read.layout == "chw" else [None, 4, 4, channels]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes = [helper.make_node("Cast", ["x"], ["c"], to=TensorProto.FLOAT), helper.make_node("Flatten", ["c"], ["y"])]
    given, result = (
        helper.make_tensor_value_info("x", kind, ["n", *shape[1:]]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 16 * channels]),
    )
    graph = helper.make_graph(nodes, "net", [given], [result])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    file = File.of(folder / "model.onnx", folder)
    artifact = Artifact("onnx", "model.onnx", (file,), (TensorSpec("x", tuple(shape), dtype),), ("y",), read)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 4, channels)).astype(np.uint8)
    subject = Subject("net", folder, artifact, "onnxruntime")
    return Contents("net", "linux", subject, {"x": read.normalized(pixels).astype(dtype)})


@pytest.mark.parametrize("name", READS)
def test_the_graph_computes_what_evaluation_did(name: str, tmp_path: Path) -> None:
    given = contents(tmp_path / "net", READS[name], READS[name].dtype)
    made = baked(given, tmp_path / "baked")
    assert made.baked is not None
    assert (made.baked.normalisation_difference, made.baked.output_difference) == (0, 0)
    (spec,) = made.subject.artifact.inputs
    assert (spec.name, spec.dtype, spec.shape) == ("pixels", "uint8", (None, 4, 4, 1 if "grey" in name else 3))
    with start(made.subject) as worker:
        np.testing.assert_array_equal(worker.run(made.inputs)["y"], given.inputs["x"].reshape(5, -1).astype(np.float32))
    read = made.subject.artifact.preprocess
    assert read is not None
    np.testing.assert_array_equal(read.normalized(made.inputs["pixels"]), made.inputs["pixels"])


def test_half_precision_and_weights_beside_the_file(tmp_path: Path) -> None:
    given = contents(tmp_path / "net", READS["imagenet"], "float16")
    (tmp_path / "net" / "weights.bin").write_bytes(b"12")
    artifact = given.subject.artifact
    files = (*artifact.files, File.of(tmp_path / "net" / "weights.bin", tmp_path / "net"))
    given = replace(given, precision="fp16", subject=replace(given.subject, artifact=replace(artifact, files=files)))
    made = baked(given, tmp_path / "baked")
    assert made.baked is not None
    assert made.baked.normalisation_difference == 0
    assert (made.subject.folder / "weights.bin").read_bytes() == b"12"


def test_what_has_nothing_to_bake_is_refused(tmp_path: Path) -> None:
    given = contents(tmp_path / "net", READS["imagenet"])
    artifact = given.subject.artifact
    for field, said in (
        ({"format": "pt2"}, "changes ONNX files, and net is pt2"),
        ({"preprocess": None}, "whose only input is an image"),
        ({"preprocess": Preprocess(dtype="uint8", layout="hwc")}, "in NHWC already"),
        ({"preprocess": Preprocess(size=4, mean=(0.1,), std=(0.7,))}, "golden samples are not pixels"),
    ):
        with pytest.raises(BadInput, match=said):
            baked(replace(given, subject=replace(given.subject, artifact=replace(artifact, **field))), tmp_path / "baked")


def test_a_bundle_takes_pixels_and_verifies_itself(handmade: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(thimble, ["bundle", str(handmade), "--out", str(tmp_path / "b"), "--bake-preprocessing"])
    assert done.exit_code == 0, done.output
    assert "its input `pixels` takes 8-bit pixels in NHWC" in done.output
    manifest = read_manifest(tmp_path / "b")
    assert manifest.baked is not None
    assert (manifest.baked.normalisation_difference, manifest.baked.output_difference) == (0, 0)
    assert manifest.baked.preprocess.mean == (0.5, 0.5, 0.5)
    one = manifest.inputs[0]
    assert (one.name, one.shape, one.dtype, one.layout, one.range) == ("pixels", ("batch", 8, 8, 3), "uint8", "NHWC", (0, 255))
    assert "`pixels`" in (tmp_path / "b" / "README.md").read_text()
    report = verify(tmp_path / "b", timing=False)
    assert report["preprocessing"]["largest_difference"] == 0
    plain = bundle(handmade, tmp_path / "plain", Bundle())
    assert plain.manifest.baked is None
    told = []
    for folder in ("plain", "b"):
        command = [sys.executable, "predict.py", "--json", "--top", "10", *(f"golden/image_{i}.png" for i in range(16))]
        ran = subprocess.run(command, cwd=tmp_path / folder, capture_output=True, text=True, check=True)
        told.append([json.loads(line) for line in ran.stdout.splitlines()])
    assert told[0] == told[1]


def test_one_artifact_too(handmade: Path, tmp_path: Path) -> None:
    made = bundle(handmade / "artifacts" / "onnx", tmp_path / "b.zip", Bundle(data="digits", bake_preprocessing=True))
    assert made.manifest.baked is not None
    assert made.manifest.inputs[0].name == "pixels"
