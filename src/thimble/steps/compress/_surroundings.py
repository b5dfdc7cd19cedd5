"""The operators around a float layer that must stay in float, too, for it to help."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnx

from thimble.steps.compress._onnx_files import HEAVY

ENDS = (*HEAVY, "Relu", "Clip")
"""Where surroundings end: at the next layer, and at activations that a quantizer takes into the layer before them."""


def surroundings(path: Path, kept: Iterable[str]) -> list[str]:
    """Names of the operators between the layers ``kept`` and the next ones: ``x * sigmoid(x)``, gates, means, norms.

    ONNX Runtime quantizes these too, inputs and outputs, so that a layer in float between them would read and give 8 bits
    all the same: EfficientNet-B0 with 41 of its 82 layers in float followed FP32 at 17 dB, and at 27 dB with what stands around
    them. A residual sum stays quantized unless both of its branches come in float: beyond it lies the whole network.
    """
    graph = onnx.load(str(path), load_external_data=False).graph
    made_by = {output: node for node in graph.node if node.op_type != "Constant" for output in node.output}
    read_by: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            read_by.setdefault(name, []).append(node)
    wanted = set(kept)
    layers = [node for node in graph.node if node.name in wanted]
    before = _reached(layers, lambda node: [made_by[name] for name in node.input if name in made_by], made_by)
    behind = _reached(layers, lambda node: [reader for name in node.output for reader in read_by.get(name, [])], made_by)
    floats = {node.name for node in (*layers, *before, *behind)} - {""}  # the quantizer leaves out by name
    for node in graph.node:  # in the order of execution
        if node.name and _sums(node, made_by) and all(made_by[name].name in floats for name in node.input):
            floats.add(node.name)
    return sorted(floats - wanted)


def _reached(layers: list[Any], following: Any, made_by: dict[str, Any]) -> list[Any]:
    """The operators that are reached from these layers in one direction, up to where surroundings end."""
    found: dict[int, Any] = {}
    waiting = [node for layer in layers for node in following(layer)]
    while waiting:
        node = waiting.pop()
        if node.op_type not in ENDS and not _sums(node, made_by) and id(node) not in found:
            found[id(node)] = node
            waiting += following(node)
    return list(found.values())


def _sums(node: Any, made_by: dict[str, Any]) -> bool:
    """Return whether two branches meet there."""
    return node.op_type == "Add" and all(name in made_by for name in node.input)


def read_in_float(path: Path, names: set[str]) -> None:
    """Let the operators of a quantized file that stay in float read float where others of them, or the caller, give it.

    The quantizer hands every reader of a value the same 8 bits once one of them is quantized. What a quantized layer
    gives is left alone: it would have to give float then.
    """
    file = onnx.load(str(path))
    nodes = file.graph.node
    made_by = {output: node for node in nodes for output in node.output}
    for node in nodes:
        for k, name in enumerate(node.input):
            if node.name in names and (plain := _unquantized(name, made_by)) and (plain not in made_by or made_by[plain].name in names):
                node.input[k] = plain
    _without_unread(file.graph)
    onnx.save(file, str(path))


def _unquantized(name: str, made_by: dict[str, Any]) -> str | None:
    """The value that was quantized and dequantized to become this one; ``None`` for one that was not, as a stored weight."""
    for kind in ("DequantizeLinear", "QuantizeLinear"):
        node = made_by.get(name)
        if node is None or node.op_type != kind:
            return None
        name = node.input[0]
    return name


def _without_unread(graph: Any) -> None:
    """Take away the quantizing and dequantizing that nobody reads any more."""
    while True:
        read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        unread = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear") and not read & set(node.output)]
        if not unread:
            return
        for node in unread:
            graph.node.remove(node)
