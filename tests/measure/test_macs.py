"""MACs of PyTorch and ONNX agree with each other, with arithmetic, and with what is published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.formats.macs import macs_of_onnx, macs_of_torch

torch = pytest.importorskip("torch")
nn = torch.nn

PUBLISHED = {
    "alexnet": (61_100_840, 0.714),
    "densenet121": (7_978_856, 2.834),
    "efficientnet_b0": (5_288_548, 0.386),
    "googlenet": (6_624_904, 1.498),
    "mobilenet_v2": (3_504_872, 0.301),
    "mobilenet_v3_small": (2_542_856, 0.057),
    "regnet_y_400mf": (4_344_144, 0.402),
    "resnet18": (11_689_512, 1.814),
    "shufflenet_v2_x1_0": (2_278_604, 0.145),
    "squeezenet1_0": (1_248_424, 0.819),
}
"""Parameters and GMACs (which torchvision calls GFLOPS) at 224 pixels, from torchvision's documentation."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_torchvision_models_come_out_as_published(name: str) -> None:
    from thimble.fetch.torchvision_import import import_torchvision

    torchvision = import_torchvision()
    model = torchvision.models.get_model(name, weights=None, **({"init_weights": False, "aux_logits": True} if name == "googlenet" else {}))
    model = model.eval()
    parameters = sum(p.numel() for n, p in model.named_parameters() if not n.startswith("aux"))
    with torch.device("meta"):
        macs = macs_of_torch(model.to("meta"), [torch.zeros(1, 3, 224, 224)])
    assert (parameters, round(macs / 1e9, 3)) == PUBLISHED[name]


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.layer(x)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 8, 2, batch_first=True)
        self.gru = nn.GRU(8, 4, bidirectional=True, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.gru(self.lstm(x)[0])[0]


class Products(nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.einsum("bij,bkj->bik", x, x) @ x


CASES = {
    "convolution": (nn.Conv2d(4, 6, 3, stride=2, padding=1), (1, 4, 9, 9), 5 * 5 * 6 * 4 * 9),
    "grouped": (nn.Conv2d(4, 8, 3, groups=4), (1, 4, 6, 6), 4 * 4 * 8 * 9),
    "transposed": (nn.ConvTranspose2d(4, 6, 2, stride=2), (1, 4, 5, 5), 5 * 5 * 4 * 6 * 4),
    "one dimension": (nn.Conv1d(3, 5, 3, dilation=2), (1, 3, 10), 6 * 5 * 9),
    "linear": (nn.Linear(7, 3), (1, 4, 7), 4 * 7 * 3),
    "attention": (Attention(), (1, 5, 8), 5 * (8 * 24 + 8 * 8 + 2 * 8 * 16) + 2 * 5 * 5 * 8),
    "recurrent": (Recurrent(), (1, 5, 6), 5 * (32 * 14 + 32 * 16 + 2 * 12 * 12)),
    "products": (Products(), (1, 5, 8), 2 * 5 * 5 * 8),
}


@pytest.mark.parametrize("case", CASES)
def test_pytorch_and_onnx_agree_with_arithmetic(case: str, tmp_path: Path) -> None:
    module, shape, wanted = CASES[case]
    example = torch.randn(shape)
    assert macs_of_torch(module.eval(), [example]) == wanted
    torch.onnx.export(module, (example,), str(tmp_path / "m.onnx"), dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}})
    assert macs_of_onnx(tmp_path / "m.onnx", {"x": shape}) == wanted


@pytest.mark.parametrize("case", ["attention", "recurrent", "grouped", "transposed"])
def test_exported_and_traced_modules_count_the_same(case: str) -> None:
    module, shape, wanted = CASES[case]
    example = torch.randn(shape)
    assert macs_of_torch(torch.export.export(module.eval(), (example,)).module(), [example]) == wanted
    assert macs_of_torch(torch.jit.trace(module.eval(), example, check_trace=False), [example]) == wanted
    with torch.inference_mode():
        traced = torch.jit.trace(module.eval(), example, check_trace=False)  # holds fused operators
    assert macs_of_torch(traced, [example]) == wanted


def test_inputs_may_be_given_by_name() -> None:
    assert macs_of_torch(nn.Linear(7, 3), {"input": torch.zeros(1, 7)}) == 21


def test_quantized_modules_count_like_their_originals() -> None:
    from torch.ao.quantization import get_default_qconfig_mapping, quantize_dynamic
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 4, 2), nn.Flatten(), nn.Linear(196, 4)).eval()
    example = torch.randn(1, 3, 8, 8)
    wanted = macs_of_torch(module, [example])
    observed = prepare_fx(module, get_default_qconfig_mapping("x86"), (example,))
    observed(example)
    quantized = torch.jit.trace(convert_fx(observed), example)
    assert "quantized::conv2d_relu" in str(quantized.inlined_graph)
    assert macs_of_torch(quantized, [example]) == wanted
    sequence = torch.randn(5, 1, 6)
    lstm = nn.Sequential(nn.LSTM(6, 8, 2)).eval()
    assert macs_of_torch(quantize_dynamic(lstm, {nn.LSTM}), [sequence]) == macs_of_torch(lstm, [sequence])


@pytest.mark.parametrize("form", ["QDQ", "QOperator", "dynamic"])
def test_quantized_onnx_files_count_like_their_originals(form: str, onnx_subject: Any, tmp_path: Path) -> None:
    import onnxruntime.quantization as quantization

    class Images(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.images = [{"image": np.random.default_rng(i).random((1, 3, 8, 8), dtype=np.float32)} for i in range(3)]

        def get_next(self) -> Any:
            return self.images.pop() if self.images else None

    source, made = onnx_subject.folder / "model.onnx", tmp_path / "model.onnx"
    if form == "dynamic":
        quantization.quantize_dynamic(source, made)
    else:
        quantization.quantize_static(source, made, Images(), quant_format=quantization.QuantFormat[form], per_channel=True)
    assert macs_of_onnx(source) == 6 * 6 * 8 * 27 + 8 * 4
    assert macs_of_onnx(made) == macs_of_onnx(source)


def test_shapes_computed_inside_the_graph_are_found(tmp_path: Path) -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(48, 5)

        def forward(self, x: Any) -> Any:
            return self.layer(x.reshape(x.shape[0], x.shape[2] * x.shape[3] // 1 * 3))

    torch.onnx.export(
        Flat(), (torch.zeros(2, 3, 4, 4),), str(tmp_path / "m.onnx"), dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n", 2: "h"}}
    )
    assert macs_of_onnx(tmp_path / "m.onnx", {"x": (1, 3, 4, 4)}) == 48 * 5


def test_a_product_in_a_loop_is_not_guessed(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save

    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("MatMul", ["state", "w"], ["next"]), helper.make_node("Identity", ["go"], ["on"])],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("state", TensorProto.FLOAT, [2, 2])],
        [value("on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, [2, 2])],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["times", "yes", "x"], ["y"], body=body)],
        "loop",
        [value("times", TensorProto.INT64, []), value("x", TensorProto.FLOAT, [2, 2]), value("w", TensorProto.FLOAT, [2, 2])],
        [value("y", TensorProto.FLOAT, [2, 2])],
        [helper.make_tensor("yes", TensorProto.BOOL, [], [True])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(tmp_path / "m.onnx"))
    with pytest.raises(ValueError, match="in a loop"):
        macs_of_onnx(tmp_path / "m.onnx")
