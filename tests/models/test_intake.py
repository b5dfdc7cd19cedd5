"""Whatever form an ONNX file has, steps get the same clean network, which answers like the original."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from thimble.core.model import Model
from thimble.core.task import ModelSpec
from thimble.models import clean_onnx, open_model


def _forms():
    spec = importlib.util.spec_from_file_location("onnx_forms", Path(__file__).parent / "onnx_forms.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["onnx_forms"] = module
    spec.loader.exec_module(module)
    return module


classifier = _forms().classifier


def cleaned(path: Path) -> Model:
    model = open_model(ModelSpec(str(path)), path.parent / "given")
    return clean_onnx(model, path.parent / "clean")


def answer(path: Path, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"image": image})[0]


CHANGES = {
    "inputs": "5 weights taken off the list of inputs",
    "constant": "5 constants computed in the graph stored as weights",
    "cast": "5 constants computed in the graph stored as weights",
    "half": "5 weights widened from 16 bits to FP32",
    "shared_bias": "1 shared bias kept apart",
    "norm": "1 batch norm folded",
}


@pytest.mark.parametrize("form", ["plain", "inputs", "constant", "cast", "half", "shared_bias", "norm", "dead"])
def test_every_form_becomes_the_same_clean_network(tmp_path: Path, form: str) -> None:
    path = classifier(tmp_path / "net.onnx", form)
    model = cleaned(path)
    graph = (made := onnx.load(model.folder / "model.onnx")).graph
    assert model.folder == tmp_path / "clean"
    assert all(tensor.data_type == TensorProto.FLOAT for tensor in graph.initializer)
    kinds = Counter(node.op_type for node in graph.node)
    assert not {"Constant", "ConstantOfShape", "BatchNormalization", "Identity"} & set(kinds)
    assert kinds["Cast"] == (2 if form == "half" else 0)  # inputs and outputs keep their types
    assert kinds["Relu"] == 2
    assert [value.name for value in graph.input] == ["image"]
    assert [value.name for value in graph.output] == ["logits"]
    assert all(node.name for node in graph.node)
    assert made.ir_version >= 8
    assert CHANGES.get(form) in [*model.notes["normalised"], None]
    image = np.random.default_rng(1).normal(size=(4, 3, 16, 16)).astype("f2" if form == "half" else "f4")
    np.testing.assert_allclose(answer(model.folder / "model.onnx", image), answer(path, image), atol=1e-2 if form == "half" else 1e-5)


def test_a_modern_plain_file_has_nothing_to_tell(tmp_path: Path) -> None:
    assert cleaned(classifier(tmp_path / "net.onnx")).notes["normalised"] == []


@pytest.mark.parametrize(
    ("opset", "ir", "form"), [(7, 3, "inputs"), (9, 4, "plain"), (9, 3, "computed"), (11, 4, "plain"), (12, 6, "plain")]
)
def test_opsets_are_raised_to_13(tmp_path: Path, opset: int, ir: int, form: str) -> None:
    model = cleaned(classifier(tmp_path / "net.onnx", form, opset, ir))
    assert [(entry.domain, entry.version) for entry in onnx.load(model.folder / "model.onnx").opset_import] == [("", 13)]
    assert f"opset {opset} raised to 13" in model.notes["normalised"]
    assert "answers exactly as given" in model.notes["normalised"] or "agrees with the original to" in model.notes["normalised"][-1]


def test_newer_opsets_stay(tmp_path: Path) -> None:
    model = cleaned(classifier(tmp_path / "net.onnx", opset=17))
    assert onnx.load(model.folder / "model.onnx").opset_import[0].version == 17


@pytest.mark.parametrize("name", ["w1_scale", "w2_zero_point", "b1_quantized", "image_QuantizeLinear_Output"])
def test_inner_names_that_quantizers_invent_are_renamed(tmp_path: Path, name: str) -> None:
    model = cleaned(classifier(tmp_path / "net.onnx", names=("a", name)))
    graph = onnx.load(model.folder / "model.onnx").graph
    assert name not in {output for node in graph.node for output in node.output}
    assert "1 inner tensor renamed" in model.notes["normalised"]


def test_an_outputs_name_stays_and_the_inner_one_gives_way(tmp_path: Path) -> None:
    from thimble.models._intake.naming import fresh_names

    nodes = [helper.make_node("Mul", ["x", "w"], ["y"]), helper.make_node("Relu", ["y"], ["w_scale"])]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in ("x", "w_scale")]
    graph = helper.make_graph(nodes, "g", value[:1], value[1:], [numpy_helper.from_array(np.ones(2, "f4"), "w")])
    proto = helper.make_model(graph)
    assert fresh_names(proto) == "1 inner tensor renamed"
    assert proto.graph.output[0].name == proto.graph.node[1].output[0] == "w_scale"
    assert proto.graph.initializer[0].name == proto.graph.node[0].input[1] != "w"


def test_halves_inside_branches_are_widened(tmp_path: Path) -> None:
    def branch(name: str, weight: float) -> onnx.GraphProto:
        constant = numpy_helper.from_array(np.full((4, 3), weight, "f2"), f"w_{name}")
        return helper.make_graph(
            [helper.make_node("MatMul", ["image", f"w_{name}"], [f"y_{name}"])],
            name,
            [],
            [helper.make_tensor_value_info(f"y_{name}", TensorProto.FLOAT16, ["N", 3])],
            [constant],
        )

    nodes = [
        helper.make_node("ReduceSum", ["image"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["big"], to=TensorProto.BOOL),
        helper.make_node("If", ["big"], ["logits"], then_branch=branch("then", 0.5), else_branch=branch("else", 2.0)),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT16, s) for n, s in (("image", ["N", 4]), ("logits", ["N", 3]))]
    proto = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(proto, tmp_path / "net.onnx")
    model = cleaned(tmp_path / "net.onnx")
    assert "2 weights widened from 16 bits to FP32" in model.notes["normalised"]
    image = np.ones((2, 4), "f2")
    np.testing.assert_array_equal(answer(model.folder / "model.onnx", image), answer(tmp_path / "net.onnx", image))


def test_bfloat16_weights_are_widened(tmp_path: Path) -> None:
    from thimble.models._intake.widening import widen

    proto = onnx.load(classifier(tmp_path / "net.onnx", "bfloat16"))
    assert widen(proto) == "5 weights widened from 16 bits to FP32"
    assert {tensor.data_type for tensor in proto.graph.initializer} == {TensorProto.FLOAT}
    onnx.checker.check_model(proto, full_check=True)


def test_what_no_longer_answers_alike_is_kept_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from thimble.models._intake import cleaning

    def spoiled(proto: onnx.ModelProto) -> str:
        scaled = numpy_helper.to_array(proto.graph.initializer[0]) * 3
        proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(scaled, proto.graph.initializer[0].name))
        return "spoiled"

    monkeypatch.setattr(cleaning, "untie", spoiled)
    path = classifier(tmp_path / "net.onnx")
    model = cleaned(path)
    assert (model.folder / "model.onnx").read_bytes() == path.read_bytes()
    assert model.notes["normalised"][0].startswith("kept as given: the normalised network agrees to")


def test_a_quantized_file_is_left_alone(tmp_path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(classifier(tmp_path / "net.onnx"), tmp_path / "int8.onnx", weight_type=QuantType.QUInt8)
    model = cleaned(tmp_path / "int8.onnx")
    assert model.folder == tmp_path / "given"
    assert model.notes["normalised"] == []


def test_external_data_is_taken_in(tmp_path: Path) -> None:
    proto = onnx.load(classifier(tmp_path / "plain.onnx"))
    onnx.save(proto, tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    model = cleaned(tmp_path / "net.onnx")
    assert [path.name for path in model.folder.iterdir()] == ["model.onnx"]
    assert len(onnx.load(model.folder / "model.onnx").graph.initializer) == 5
