"""Files of every format are known by suffix and contents, opened as they are, and refused in one line."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from thimble.core.artifact import Artifact
from thimble.core.errors import BadInput, MissingExtra
from thimble.core.model import Model
from thimble.core.registry import MODELS, RUNTIMES
from thimble.core.task import ModelSpec
from thimble.formats import check_main, describe, format_of, formats, main_file
from thimble.models import changeable, fingerprint, open_model, source_name

PARAM = """7767517
4 5
Input            in0      0 1 in0 0=12 1=10 2=3
Split            split_0  1 2 in0 a b
Pooling          pool     1 1 a p0 0=1 4=1
Flatten          flat     1 1 p0 out0
"""


class Doubled(nn.Module):
    """Twice the sum at one rate, once at others."""

    def forward(self, x: Tensor, rate: int) -> tuple[Tensor, Tensor]:
        return (x.sum(1) * 2 if rate == 16000 else x.sum(1)), x.mean(1)


class Writing(nn.Module):
    """Writes a file when it runs."""

    def forward(self, x: Tensor) -> Tensor:
        torch.save(x, "/nowhere/pwned")
        return x


@pytest.fixture
def scripted(tmp_path: Path) -> Path:
    torch.jit.save(torch.jit.script(Doubled()), str(tmp_path / "net.pt"))
    return tmp_path / "net.pt"


@pytest.fixture
def ort_file(tmp_path: Path) -> Path:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", None, 4]) for name in ("x", "y")]
    proto = helper.make_model(
        helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(proto, tmp_path / "net.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "net.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), options, providers=["CPUExecutionProvider"])
    return tmp_path / "net.ort"


def opened(path: Path, **settings: object) -> Model:
    return open_model(ModelSpec(str(path), **settings), path.parent / "files")  # type: ignore[arg-type]


def test_every_format_that_a_runtime_opens_knows_its_suffixes() -> None:
    opened_by_some = {format for cls in RUNTIMES.all().values() for format in cls.formats}
    assert set(formats()) == opened_by_some
    assert set(formats()) <= set(MODELS.names())


def test_contents_decide_where_suffixes_are_shared(scripted: Path, tmp_path: Path) -> None:
    assert format_of(scripted) == "torchscript"
    torch.save({"weight": torch.ones(2)}, tmp_path / "weights.pt")
    assert format_of(tmp_path / "weights.pt") is None
    with pytest.raises(BadInput, match="is a file of weights"):
        source_name(str(tmp_path / "weights.pt"))
    (tmp_path / "page.xml").write_text("<html/>")
    (tmp_path / "net.xml").write_text('<?xml version="1.0"?>\n<net name="net" version="11">')
    assert (format_of(tmp_path / "page.xml"), format_of(tmp_path / "net.xml")) == (None, "openvino")
    (tmp_path / "some.param").write_text("rate = 3")
    assert format_of(tmp_path / "some.param") is None


def test_the_main_file_is_the_formats(tmp_path: Path) -> None:
    for name in ("model.bin", "model.param", "model.xml"):
        (tmp_path / name).touch()
    assert main_file(tmp_path, "openvino").name == "model.xml"
    assert main_file(tmp_path, "ncnn").name == "model.param"
    assert main_file(tmp_path, "a plugin's").name == "model.bin"


def test_a_main_file_of_another_format_is_refused(tmp_path: Path) -> None:
    artifact = Artifact("pt2", "model.onnx", (), (), ())
    with pytest.raises(BadInput, match=r"its format is pt2, whose files end in \.pt2, and its main file is 'model\.onnx'"):
        check_main(artifact, tmp_path)


def test_torchscript_is_opened_with_shapes_and_numbers(scripted: Path) -> None:
    model = opened(scripted, shapes={"x": (1, 6)}, values={"rate": 16000.0})
    assert [(one.name, one.shape, one.dtype) for one in model.inputs] == [("x", (None, 6), "float32"), ("rate", (), "int64")]
    assert model.outputs == ("output_0", "output_1")
    assert describe(model, None, ()).main == "model.pt"
    session = RUNTIMES.get("pytorch")().open(str(model.folder / "model.pt"), ["x", "rate"], list(model.outputs), 1, {})
    for rate, factor in ((16000, 2), (8000, 1)):
        answer = session.run({"x": np.ones((2, 6), np.float32), "rate": np.array(rate)})
        np.testing.assert_array_equal(answer["output_0"], [6 * factor] * 2)


def test_torchscript_without_shapes_or_numbers_asks_for_them(scripted: Path) -> None:
    with pytest.raises(BadInput, match=r"doesn't say what shape x has: give --input-shape x=1,\.\.\., the batch first"):
        opened(scripted, values={"rate": 1.0})
    with pytest.raises(BadInput, match="takes rate, a single number that the data don't contain: add --set rate=1"):
        opened(scripted, shapes={"x": (1, 6)})


def test_datas_names_are_matched_by_position(scripted: Path) -> None:
    model = opened(scripted, shapes={"sound": (1, 6)}, dtypes={"sound": "float64"}, values={"rate": 1.0})
    assert (model.inputs[0].name, model.inputs[0].shape, model.inputs[0].dtype) == ("x", (None, 6), "float32")


def test_torchscript_that_touches_files_is_not_opened(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(Writing()), str(tmp_path / "net.pt"))
    with pytest.raises(BadInput, match=r"calls torch\.save, which can touch files"):
        opened(tmp_path / "net.pt", shapes={"x": (1, 6)})


def test_onnx_runtimes_own_file_is_opened(ort_file: Path) -> None:
    model = opened(ort_file)
    assert [(one.name, one.shape, one.sizes) for one in model.inputs] == [("x", (None, None, 4), (1, 128, 4))]
    assert (model.outputs, describe(model, None, ()).main) == (("y",), "model.ort")
    assert opened(ort_file, shapes={"x": (1, 7, 4)}).inputs[0].shape == (None, 7, 4)


def test_a_file_that_is_cut_off_is_told_in_one_line(ort_file: Path) -> None:
    ort_file.write_bytes(ort_file.read_bytes()[:100])
    with pytest.raises(BadInput, match="can't be opened as ONNX Runtime's own file"):
        opened(ort_file)


def test_ncnns_text_tells_inputs_and_outputs(tmp_path: Path) -> None:
    from thimble.formats.ncnn import ends

    (tmp_path / "net.param").write_text(PARAM)
    found = ends(tmp_path / "net.param")
    assert [(one.name, one.shape) for one in found.inputs] == [("in0", (None, 3, 10, 12))]
    assert found.outputs == ("b", "out0")
    (tmp_path / "net.param").write_text(PARAM.replace(" 0=12 1=10 2=3", ""))
    assert ends(tmp_path / "net.param").unshaped == ("in0",)


def test_files_beside_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "net.param").write_text(PARAM)
    with pytest.raises(BadInput, match=r"needs net\.bin beside it"):
        fingerprint(ModelSpec(str(tmp_path / "net.param")))


@pytest.mark.parametrize(("name", "module", "extra"), [("net.tflite", "ai_edge_litert", "litert"), ("net.xml", "openvino", "openvino")])
def test_an_absent_runtime_is_told_with_its_install_command(
    name: str, module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda wanted, *rest: None if wanted == module else find(wanted, *rest))
    (tmp_path / name).write_text("<net >")
    (tmp_path / "net.bin").touch()
    with pytest.raises(MissingExtra, match=rf"pip install '[\w-]+\[{extra}\]'"):
        opened(tmp_path / name)


@pytest.mark.parametrize("format", ["tflite", "ort", "openvino", "ncnn", "torchscript"])
def test_every_formats_file_becomes_a_model(format: str, tmp_path: Path) -> None:
    if any(importlib.util.find_spec(module) is None for module in MODELS.get(format).needs):
        pytest.skip(f"{format} needs {', '.join(MODELS.get(format).needs)}")
    spec = importlib.util.spec_from_file_location("samples", Path(__file__).parents[1] / "runtimes" / "samples.py")
    assert spec
    assert spec.loader
    samples = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(samples)
    path = tmp_path / getattr(samples, format)(tmp_path)
    model = opened(path, shapes={"left": (1, 4), "right": (1, 4)})
    assert [(one.name, one.shape, one.dtype) for one in model.inputs] == [(name, (None, 4), "float32") for name in ("left", "right")]
    assert set(model.outputs) == ({"output_0", "output_1"} if format == "torchscript" else {"total", "product"})
    artifact = describe(model, None, ())
    assert (artifact.format, artifact.main) == (format, path.name)
    assert source_name(str(path)) == format


def test_no_technique_changes_such_a_file(ort_file: Path) -> None:
    with pytest.raises(
        BadInput, match=r"net\.ort is ONNX Runtime's own file, whose graph is frozen.*measure, doctor and fit take it as it is"
    ):
        changeable(str(ort_file))
    assert changeable("torchvision:resnet18") == "torch"
    assert changeable("net.onnx") == "onnx"
