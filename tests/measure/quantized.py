"""Small quantized networks, made by hand: full-range signed weights, whose products overflow 16 bits easily."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

IMAGES = (3, 16, 16)
TOKENS = (7, 32)


class Builder:
    """Nodes and constants of a graph in QDQ form. ``kind`` is the activations' type."""

    def __init__(self, kind: Any = np.uint8, weights: int = 127, seed: int = 0) -> None:
        self.kind, self.largest = kind, weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.generator = np.random.default_rng(seed)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def act(self, name: str, scale: float, zero: int) -> str:
        """The tensor quantized and dequantized; ``zero`` is the unsigned zero point."""
        zero = zero - 128 if self.kind == np.int8 else zero
        how = [self.constant(f"{name}_s", np.float32(scale)), self.constant(f"{name}_z", self.kind(zero))]
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [name, *how], f"{name}_q"), *how], f"{name}_d")

    def weight(self, name: str, shape: tuple[int, ...], scale: float, axis: int = 0, bias: bool = True) -> list[str]:
        """Per-channel weights of up to ``weights`` (and a bias) for an input of that scale."""
        values = self.generator.normal(size=shape)
        others = tuple(i for i in range(len(shape)) if i != axis)
        scales = (np.abs(values).max(axis=others) / self.largest).astype(np.float32)
        along = scales.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        integers = np.rint(values / along).clip(-self.largest, self.largest).astype(np.int8)
        zeros = self.constant(f"{name}_z", np.zeros(len(scales), np.int8))
        names = [self.constant(f"{name}_quantized", integers), self.constant(f"{name}_s", scales), zeros]
        found = [self.node("DequantizeLinear", names, name, axis=axis)]
        if bias:
            sums = self.generator.integers(-2000, 2000, len(scales)).astype(np.int32)
            names = [self.constant(f"{name}_bq", sums), self.constant(f"{name}_bs", scales * np.float32(scale))]
            found.append(self.node("DequantizeLinear", [*names, self.constant(f"{name}_bz", np.zeros_like(sums))], f"{name}_b", axis=0))
        return found

    def save(self, path: Path, shape: tuple[int, ...], width: int) -> Path:
        """Write the graph from ``x`` to ``output``."""
        from onnx import TensorProto, helper, save

        typed = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *rest]) for name, rest in (("x", shape), ("output", (width,)))
        ]
        graph = helper.make_graph(self.nodes, "quantized", typed[:1], typed[1:], self.constants)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
        return path


def convolutions(path: Path, kind: Any = np.uint8, weights: int = 127) -> Path:
    """Three channels in; strides, a depthwise and a pointwise convolution, channel counts that suit no vector; a linear layer."""
    b = Builder(kind, weights)
    x = b.act("x", 1 / 255, 0)
    x = b.act(b.node("Conv", [x, *b.weight("w1", (16, 3, 3, 3), 1 / 255)], "conv1", pads=[1, 1, 1, 1]), 0.02, 100)
    x = b.act(b.node("Conv", [x, *b.weight("w2", (18, 16, 3, 3), 0.02)], "conv2", pads=[1, 1, 1, 1], strides=[2, 2]), 0.12, 128)
    x = b.act(b.node("Conv", [x, *b.weight("w3", (18, 1, 3, 3), 0.12)], "depthwise", pads=[1, 1, 1, 1], group=18), 0.5, 128)
    x = b.act(b.node("Conv", [x, *b.weight("w4", (32, 18, 1, 1), 0.5)], "pointwise"), 3.0, 128)
    x = b.act(b.node("GlobalAveragePool", [x], "pool"), 1.0, 128)
    x = b.act(b.node("Flatten", [x], "flat"), 1.0, 128)
    x = b.act(b.node("Gemm", [x, *b.weight("w5", (10, 32), 1.0)], "linear", transB=1), 3.0, 128)
    b.node("Identity", [x], "output")
    return b.save(path, IMAGES, 10)


def products(path: Path, kind: Any = np.uint8) -> Path:
    """Matrix products of stacks of tokens: with weights, and with each other."""
    b = Builder(kind)
    x = b.act("x", 1 / 64, 128)
    q, k = (b.act(b.node("MatMul", [x, *b.weight(name, (32, 32), 0, 1, False)], f"{name}x"), 0.1, 128) for name in ("q", "k"))
    scores = b.act(b.node("MatMul", [q, b.node("Transpose", [k], "kt", perm=[0, 2, 1])], "scores"), 3.0, 128)
    x = b.act(b.node("MatMul", [scores, b.node("Identity", [x], "again")], "mixed"), 8.0, 128)
    x = b.act(b.node("MatMul", [x, *b.weight("w", (32, 10), 0, 1, False)], "last"), 80.0, 128)
    b.node("ReduceMean", [x], "output", axes=[1], keepdims=0)
    return b.save(path, TOKENS, 10)


def inputs(shape: tuple[int, ...], samples: int = 6) -> dict[str, Any]:
    return {"x": np.random.default_rng(1).random((samples, *shape), dtype=np.float32)}


def session(path: Path, level: str = "ALL") -> Any:
    """ONNX Runtime's own session, one thread."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = 1, 4
    settings.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel, f"ORT_{'DISABLE' if level == 'DISABLE' else 'ENABLE'}_ALL"
    )
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
