import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from thimble.cli.view import data_files, model_file, pages
from thimble.core.artifact import Artifact, write_manifest
from thimble.core.errors import BadInput
from thimble.core.values import File


@pytest.fixture
def model(tmp_path):
    """An artifact's folder with one ONNX file."""
    from onnx import TensorProto, helper, save

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "tiny", value[:1], value[1:])
    folder = tmp_path / "artifact"
    folder.mkdir()
    save(helper.make_model(graph), folder / "model.onnx")
    write_manifest(Artifact("onnx", "model.onnx", (File.of(folder / "model.onnx", folder),), (), ("y",)), folder)
    return folder


def test_folder_stands_for_its_main_file(model):
    assert model_file(model) == model / "model.onnx"
    assert model_file(model / "model.onnx") == model / "model.onnx"


def test_what_is_no_model_is_said(model, tmp_path):
    with pytest.raises(BadInput, match=r"there is no model at .*nothing\.onnx"):
        model_file(tmp_path / "nothing.onnx")
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(BadInput, match="is a study; name one of its artifacts"):
        model_file(tmp_path)
    (model / "artifact.json").unlink()
    with pytest.raises(BadInput, match=r"is not an artifact: it has no artifact\.json"):
        model_file(model)


def test_graph_is_served_on_this_machine_until_interrupted(model):
    pytest.importorskip("netron", reason="Netron is not installed")
    command = [sys.executable, "-m", "thimble", "view", str(model), "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        line = process.stdout.readline()
        address = line.split(" at ")[1].split()[0]
        assert address.startswith("http://127.0.0.1:")
        local = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with local.open(address, timeout=30) as answer:
            assert b"Netron" in answer.read()
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'self' "), "the page sends nothing elsewhere"
            assert answer.headers["Set-Cookie"].startswith("consent="), "and does not ask whether it may"
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert process.returncode in (0, 130)
    assert "Traceback" not in rest + errors


def test_only_the_model_and_its_data_are_served(tmp_path):
    pytest.importorskip("netron", reason="Netron is not installed")
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy"]
    weights = numpy_helper.from_array(np.ones(4000, np.float32)[:4].repeat(1000), "w")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "tiny", ends[:1], ends[1:], [weights])
    save(helper.make_model(graph, ir_version=8), tmp_path / "model.onnx", save_as_external_data=True, location="weights.data")
    (tmp_path / "secret.txt").write_text("secret")
    assert data_files(tmp_path / "model.onnx") == [tmp_path / "weights.data"]
    served = pages(tmp_path / "model.onnx")
    assert {name for name in served if name.startswith("/data/")} == {"/data/model.onnx", "/data/weights.data"}


def test_a_name_is_text_in_the_page(model):
    pytest.importorskip("netron", reason="Netron is not installed")
    strange = (model / "model.onnx").rename(model / 'a"><script>alert(1)<.onnx')
    index = pages(strange)["/"]
    assert b"<script>alert" not in index
    assert b'content="/data/a%22%3E%3Cscript' in index
