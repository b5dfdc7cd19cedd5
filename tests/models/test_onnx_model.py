"""ONNX files as they are found: whole, quantized already, truncated, and lying."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from thimble.core.errors import BadInput
from thimble.core.task import ModelSpec
from thimble.models import fingerprint, open_model, preprocess_of


def model_of(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def value(name: str, shape: list[object], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def network(batch: object = "batch") -> onnx.ModelProto:
    """``logits = relu(x) @ weight + bias`` for 8 features and 3 classes."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("MatMul", ["r", "weight"], ["m"]),
        helper.make_node("Add", ["m", "bias"], ["logits"]),
    ]
    weights = [("weight", (8, 3)), ("bias", (3,))]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name) for name, shape in weights],
    )
    return model_of(graph)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    onnx.save(network(), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


@pytest.fixture
def external(tmp_path: Path) -> Path:
    folder = tmp_path / "external"
    folder.mkdir()
    onnx.save(network(), folder / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    return folder / "net.onnx"


def opened(path: Path, **settings):
    return open_model(ModelSpec(str(path), **settings), path.parent / "copy")


def lying(path: Path, **entries: str) -> None:
    """Rewrite the first external tensor's entries in the file, leaving its data alone."""
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer[0]
    kept = {entry.key: entry.value for entry in tensor.external_data} | entries
    del tensor.external_data[:]
    tensor.external_data.extend(onnx.StringStringEntryProto(key=key, value=value) for key, value in kept.items())
    path.write_bytes(model.SerializeToString())


def test_a_file_is_described_and_copied(plain: Path) -> None:
    model = opened(plain)
    assert (model.format, model.folder) == ("onnx", plain.parent / "copy")
    assert [(one.name, one.shape, one.dtype) for one in model.inputs] == [("x", (None, 8), "float32")]
    assert model.outputs == ("logits",)
    assert model.notes == {"output_shapes": {"logits": [None, 3]}, "endings": {"logits": "linear"}}
    assert (model.folder / "model.onnx").read_bytes() == plain.read_bytes()
    assert preprocess_of(ModelSpec(str(plain))) is None


def test_external_data_comes_along(external: Path) -> None:
    folder = opened(external).folder
    assert sorted(path.name for path in folder.iterdir()) == ["model.onnx", "net.data"]
    ours, theirs = (model.graph.initializer for model in (onnx.load(folder / "model.onnx"), network()))
    assert [numpy_helper.to_array(one).tolist() for one in ours] == [numpy_helper.to_array(one).tolist() for one in theirs]


def test_a_fixed_batch_stays_fixed(tmp_path: Path) -> None:
    onnx.save(network(batch=1), tmp_path / "one.onnx")
    assert opened(tmp_path / "one.onnx").inputs[0].shape == (1, 8)


def test_shapes_fix_open_sizes_and_contradict_none(tmp_path: Path) -> None:
    shape = ["n", "length", 4]
    model = model_of(helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "net", [value("x", shape)], [value("y", shape)]))
    onnx.save(model, tmp_path / "open.onnx")
    assert opened(tmp_path / "open.onnx").inputs[0].shape == (None, None, 4)
    assert opened(tmp_path / "open.onnx", shapes={"input": (1, 7, 4)}).inputs[0].shape == (None, 7, 4)
    with pytest.raises(BadInput, match=r"takes x of shape N x \? x 4; N x 7 x 5 does not fit it"):
        opened(tmp_path / "open.onnx", shapes={"x": (1, 7, 5)})


def test_a_quantized_file_is_noticed(plain: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(plain, plain.parent / "int8.onnx", weight_type=QuantType.QUInt8)
    assert opened(plain.parent / "int8.onnx").notes["quantized"] == {"DynamicQuantizeLinear": 1, "MatMulInteger": 1}


def test_a_file_exported_in_training_mode_is_noticed(tmp_path: Path) -> None:
    names = ["x", "scale", "bias", "mean", "var"]
    node = helper.make_node("BatchNormalization", names, ["y", "new_mean", "new_var"], training_mode=1)
    values = [numpy_helper.from_array(np.ones(4, np.float32), name) for name in names[1:]]
    graph = helper.make_graph([node], "net", [value("x", ["n", 4, 2])], [value("y", ["n", 4, 2])], values)
    onnx.save(model_of(graph), tmp_path / "training.onnx")
    assert "training mode" in opened(tmp_path / "training.onnx").notes["training_mode"]


def test_the_head_must_fit_the_classes(plain: Path) -> None:
    assert opened(plain, classes=3).outputs == ("logits",)
    with pytest.raises(BadInput, match="head of 3 outputs and the data 10 classes"):
        opened(plain, classes=10)


def test_weights_have_no_place_beside_it(plain: Path) -> None:
    with pytest.raises(BadInput, match="brings its own weights"):
        opened(plain, weights="w.pth")


def test_the_fingerprint_is_of_the_contents_data_included(external: Path, tmp_path: Path) -> None:
    def mark(path: Path) -> str:
        return fingerprint(ModelSpec(str(path)))

    first = mark(external)
    moved = external.parent.rename(tmp_path / "moved") / "net.onnx"
    assert mark(moved) == first
    data = bytearray((moved.parent / "net.data").read_bytes())
    data[0] ^= 1
    (moved.parent / "net.data").write_bytes(data)
    assert mark(moved) != first


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file(plain: Path, share: float) -> None:
    plain.write_bytes(plain.read_bytes()[: int(share * plain.stat().st_size)])
    with pytest.raises(BadInput, match="truncated or no model"):
        opened(plain)


def test_bytes_that_are_no_model(tmp_path: Path) -> None:
    (tmp_path / "noise.onnx").write_bytes(np.random.default_rng(0).bytes(3000))
    with pytest.raises(BadInput, match="truncated or no model"):
        opened(tmp_path / "noise.onnx")
    with pytest.raises(BadInput, match="no model at"):
        opened(tmp_path / "absent.onnx")


def test_truncated_and_missing_external_data(external: Path) -> None:
    data = external.parent / "net.data"
    whole = data.read_bytes()
    data.write_bytes(whole[:-4])
    with pytest.raises(BadInput, match=r"ends at byte \d+ of net.data, which has \d+: the data is truncated"):
        opened(external)
    data.unlink()
    with pytest.raises(BadInput, match=r"needs its data file 'net.data' beside it"):
        opened(external)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"length": "8"}, "says that it has 8 bytes in net.data, its shape needs 96"),
        ({"length": "99999999999"}, "says that it has 99999999999 bytes"),
        ({"offset": "4096000"}, "ends at byte 4096096 of net.data"),
        ({"offset": "-8"}, "offset '-8' in its external data, which is not a number"),
        ({"offset": "1e3"}, "offset '1e3'"),
        ({"location": "../net.data"}, r"points to '../net.data', outside the model's folder"),
        ({"location": "a/../../net.data"}, "outside the model's folder"),
        ({"location": "..\\net.data"}, "outside the model's folder"),
        ({"location": "/etc/passwd"}, "points to '/etc/passwd', outside"),
        ({"location": "C:\\net.data"}, "outside the model's folder"),
        ({"location": ""}, "does not say which"),
        ({"location": "net.onnx"}, "names the model itself as its data file"),
        ({"location": "."}, "needs its data file '.' beside it"),
    ],
)
def test_external_data_that_lies(external: Path, entries: dict[str, str], words: str) -> None:
    lying(external, **entries)
    with pytest.raises(BadInput, match=words) as caught:
        opened(external)
    assert "\n" not in str(caught.value)


def test_a_link_out_of_the_folder_is_not_followed(external: Path, tmp_path: Path) -> None:
    (external.parent / "net.data").rename(tmp_path / "elsewhere")
    (external.parent / "net.data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="outside the model's folder"):
        opened(external)


def test_tensors_whose_data_does_not_fill_their_shape(plain: Path) -> None:
    model = onnx.load(plain)
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    plain.write_bytes(model.SerializeToString())
    with pytest.raises(BadInput, match="weight has 92 bytes of data where its shape needs 96"):
        opened(plain)
    model.graph.initializer[0].dims[0] = -8
    plain.write_bytes(model.SerializeToString())
    with pytest.raises(BadInput, match="negative size"):
        opened(plain)


def test_a_graph_that_is_not_valid(plain: Path) -> None:
    model = onnx.load(plain)
    model.graph.node[0].input[0] = "nowhere"
    plain.write_bytes(model.SerializeToString())
    with pytest.raises(BadInput, match="is not valid ONNX"):
        opened(plain)


def test_an_operator_that_nobody_knows(plain: Path) -> None:
    model = onnx.load(plain)
    model.graph.node[0].domain = "example.private"
    model.opset_import.append(helper.make_opsetid("example.private", 1))
    plain.write_bytes(model.SerializeToString())
    with pytest.raises(BadInput, match="ONNX Runtime can't run"):
        opened(plain)


def test_weights_that_are_not_finite(plain: Path) -> None:
    model = onnx.load(plain)
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.full(3, np.nan, np.float32), "bias"))
    plain.write_bytes(model.SerializeToString())
    with pytest.raises(BadInput, match="NaN or infinity in logits"):
        opened(plain)


def test_a_data_file_whose_name_is_taken(tmp_path: Path) -> None:
    onnx.save(network(), tmp_path / "net.onnx", save_as_external_data=True, location="model.onnx", size_threshold=0)
    with pytest.raises(BadInput, match="a name that is taken"):
        opened(tmp_path / "net.onnx")


def test_lies_inside_a_branch_are_found(tmp_path: Path) -> None:
    inner = numpy_helper.from_array(np.ones(4, np.float32), "inner")
    inner.ClearField("raw_data")
    inner.data_location = TensorProto.EXTERNAL
    inner.external_data.add(key="location", value="../../secret")
    branch = helper.make_graph([helper.make_node("Constant", [], ["b"], value=inner)], "b", [], [value("b", [4])])
    node = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    model = model_of(helper.make_graph([node], "net", [value("x", [], TensorProto.BOOL)], [value("y", [4])]))
    (tmp_path / "branch.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(BadInput, match="outside the model's folder"):
        opened(tmp_path / "branch.onnx")


def test_an_input_without_a_batch(tmp_path: Path) -> None:
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "net", [value("x", [])], [value("y", [])])
    onnx.save(model_of(graph), tmp_path / "number.onnx")
    with pytest.raises(BadInput, match="a single number without a batch"):
        opened(tmp_path / "number.onnx")
