"""A file of ONNX Runtime's static quantization, to read and to edit: whose scales these are, and the integers of each layer.

Only heavy work imports this module.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators whose second input is a weight."""
BIASED = ("Conv", "ConvTranspose", "Gemm")
"""Those of them whose third input is a bias."""


@dataclass(frozen=True)
class Grid:
    """Integers that stand for numbers: ``scale`` apart, ``zero`` for 0, from ``low`` to ``high``; arrays per channel, with its axis."""

    scale: Any
    zero: Any
    low: int
    high: int
    axis: int | None = None

    def shaped(self, array: Any, ndim: int) -> Any:
        """A scale or zero point so that it broadcasts over a tensor of ``ndim`` dimensions."""
        return array.reshape([-1 if i == self.axis else 1 for i in range(ndim)]) if self.axis is not None and array.ndim else array

    def numbers(self, whole: Any) -> Any:
        """What integers stand for, in FP32."""
        scale, zero = (self.shaped(np.asarray(part), whole.ndim) for part in (self.scale, self.zero))
        return ((whole.astype(np.float64) - zero) * scale).astype(np.float32)


@dataclass(frozen=True)
class Layer:
    """A layer with integer weights: its operator, its weight's initializer and grid, and the grid of its input."""

    node: Any
    weight: str
    grid: Grid
    source: Grid | None

    @property
    def name(self) -> str:
        """The operator's name, which is the float file's."""
        return str(self.node.name)

    @property
    def channel_axis(self) -> int:
        """The axis of the outputs that holds channels."""
        return 1 if self.node.op_type in ("Conv", "ConvTranspose") else -1


@dataclass
class QdqFile:
    """One quantized file in memory. `save` writes it; nothing else touches the disk."""

    model: Any
    held: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.held = {tensor.name: tensor for tensor in self.model.graph.initializer}

    @classmethod
    def read(cls, path: Path) -> QdqFile:
        """Read a file with its weights."""
        return cls(onnx.load(str(path)))

    def save(self, path: Path) -> None:
        """Write the file."""
        onnx.save(self.model, str(path))

    @cached_property
    def makers(self) -> dict[str, Any]:
        """Operators by the names of their outputs."""
        return {output: node for node in self.model.graph.node for output in node.output}

    def array(self, name: str) -> Any:
        """The numbers of an initializer."""
        return numpy_helper.to_array(self.held[name])

    def put(self, name: str, array: Any) -> None:
        """Give an initializer other numbers, or make a new one."""
        tensor = numpy_helper.from_array(array, name)
        if name in self.held:
            self.held[name].CopyFrom(tensor)
        else:
            self.model.graph.initializer.append(tensor)
            self.held[name] = self.model.graph.initializer[-1]

    def grid_of(self, node: Any) -> Grid | None:
        """The grid of a QuantizeLinear or DequantizeLinear; `None` where it is computed, or of other than 8 or 16 bits."""
        if len(node.input) < 3 or not {node.input[1], node.input[2]} <= self.held.keys():
            return None
        scale, zero = self.array(node.input[1]), self.array(node.input[2])
        if zero.dtype.kind not in "iu" or zero.dtype.itemsize > 2:
            return None
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        kind = np.iinfo(zero.dtype)
        return Grid(scale, zero.astype(np.int64), kind.min, kind.max, axis if scale.ndim and scale.size > 1 else None)

    def layers(self) -> list[Layer]:
        """The named layers with integer weights, in the order of execution."""
        found = []
        for node in self.model.graph.node:
            if node.op_type not in LAYERS or not node.name:
                continue
            given, back = (self.makers.get(name) for name in node.input[:2])
            if back is None or back.op_type != "DequantizeLinear" or back.input[0] not in self.held:
                continue
            grid = self.grid_of(back)
            source = self.grid_of(given) if given is not None and given.op_type == "DequantizeLinear" else None
            if grid is not None:
                found.append(Layer(node, back.input[0], grid, source))
        return found

    def activations(self) -> dict[tuple[str, str], list[str]]:
        """Values that are quantized while the network runs, by the initializers of their scale and zero point; several share one."""
        found = defaultdict(list)
        for node in self.model.graph.node:
            grid = self.grid_of(node) if node.op_type == "QuantizeLinear" and node.input[0] not in self.held else None
            if grid is not None and grid.axis is None:
                found[node.input[1], node.input[2]].append(node.input[0])
        return dict(found)

    def bias(self, layer: Layer) -> Any:
        """A layer's bias in FP32; `None` where it has none, or one that is computed."""
        name = layer.node.input[2] if layer.node.op_type in BIASED and len(layer.node.input) > 2 else ""
        back = self.makers.get(name)
        if back is not None and back.op_type == "DequantizeLinear":
            parts = [self.array(part).astype(np.float64) for part in back.input if part in self.held]
            return (parts[0] * parts[1]).astype(np.float32) if len(parts) == len(back.input) else None
        return self.array(name) if name in self.held else None

    def put_bias(self, layer: Layer, values: Any) -> None:
        """Give a layer a bias, as 32-bit integers whose scale is the input's times the weight's; in FP32 where the input has none.

        Raises `ValueError` for a layer that takes no bias.
        """
        if layer.node.op_type not in BIASED:
            raise ValueError(f"{layer.node.op_type} takes no bias")
        stem = f"{layer.name}_bias"
        if layer.source is None or layer.source.axis is not None:
            self.put(f"{stem}_float", values.astype(np.float32))
            name = f"{stem}_float"
        else:
            scale = (np.asarray(layer.source.scale, np.float64) * layer.grid.scale).astype(np.float32)
            whole = np.clip(np.round(values / scale.astype(np.float64)), -(2**31), 2**31 - 1).astype(np.int32)
            name = f"{stem}_values"
            self.put(f"{stem}_whole", whole)
            self.put(f"{stem}_scale", scale)
            self.put(f"{stem}_zero", np.zeros(scale.shape, np.int32))
            if name not in self.makers:
                axis = {} if scale.size == 1 else {"axis": 0}
                given = [f"{stem}_{part}" for part in ("whole", "scale", "zero")]
                node = helper.make_node("DequantizeLinear", given, [name], f"{stem}_back", **axis)
                self.model.graph.node.insert(0, node)
                self.makers[name] = self.model.graph.node[0]
        before = layer.node.input[2] if len(layer.node.input) > 2 else name
        del layer.node.input[2:]
        layer.node.input.append(name)
        if before != name and before in self.makers and not any(before in node.input for node in self.model.graph.node):
            self.model.graph.node.remove(self.makers.pop(before))
