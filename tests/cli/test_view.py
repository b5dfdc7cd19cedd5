import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from thimble.cli.view import model_file
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
    with pytest.raises(BadInput, match=r"is no artifact: it has no artifact\.json"):
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
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert process.returncode in (0, 130)
    assert "Traceback" not in rest + errors
