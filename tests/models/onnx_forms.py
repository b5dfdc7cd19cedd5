"""One small convolutional classifier, stored in the forms that exporters of all kinds write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SHAPES = {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (8, 8, 3, 3), "fc": (32, 3), "fb": (3,)}


def weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: (rng.normal(0, 1, shape) / np.sqrt(np.prod(shape[1:]))).astype("f4") for name, shape in SHAPES.items()}


def classifier(path: Path, form: str = "plain", opset: int = 17, ir: int = 8, names: tuple[str, str] = ("a", "b")) -> Path:
    """Write the network: N x 3 x 16 x 16 to three classes, through convolutions, a batch norm, and a dead branch."""
    kind = {"half": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16}.get(form, TensorProto.FLOAT)
    values = weights()
    stored = {name: helper.make_tensor(name, kind, value.shape, value.ravel()) for name, value in values.items()}
    nodes = []
    if form == "constant":
        nodes = [helper.make_node("Constant", [], [name], value=tensor) for name, tensor in stored.items()]
        stored = {}
    if form == "cast":
        nodes = [helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT) for name in values]
        stored = {name: numpy_helper.from_array(value.astype("f2"), f"{name}_half") for name, value in values.items()}
    if form == "computed":
        stored["b1"] = numpy_helper.from_array(np.array([8], "i8"), "b1_shape")
        fill = helper.make_tensor("fill", TensorProto.FLOAT, [1], [0.02])
        nodes = [helper.make_node("ConstantOfShape", ["b1_shape"], ["b1"], value=fill)]
    first, second = names
    nodes += [
        helper.make_node("Conv", ["image", "w1", "b1"], [first], "c1", pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", [first], [second], "r1"),
        helper.make_node("Conv", [second, "w2", *(["b1"] if form == "shared_bias" else [])], ["c"], "c2", pads=[1] * 4, strides=[2, 2]),
    ]
    last = "c"
    if form == "norm":
        for name, value in (("s", np.full(8, 2, "f4")), ("o", np.ones(8, "f4")), ("m", np.ones(8, "f4")), ("v", np.full(8, 4, "f4"))):
            stored[name] = numpy_helper.from_array(value, name)
        nodes += [helper.make_node("BatchNormalization", ["c", "s", "o", "m", "v"], ["n"], "bn")]
        last = "n"
    if form == "dead":
        nodes += [helper.make_node("Relu", ["c"], ["unused"], "dead")]
    nodes += [
        helper.make_node("Relu", [last], ["d"], "r2"),
        helper.make_node("AveragePool", ["d"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["q"], "flat"),
        helper.make_node("MatMul", ["q", "fc"], ["mm"], "fc_mul"),
        helper.make_node("Add", ["mm", "fb"], ["logits"], "fc_add"),
    ]
    inputs = [helper.make_tensor_value_info("image", kind, ["N", 3, 16, 16])]
    if form in ("inputs", "computed"):
        inputs += [helper.make_tensor_value_info(one.name, one.data_type, one.dims) for one in stored.values()]
    outputs = [helper.make_tensor_value_info("logits", kind, ["N", 3])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(stored.values()))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir), path)
    return path
