"""A quantized ONNX file as another processor would compute it: integer products in NumPy, all else in ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.measure.integers.operators import OPERATORS

if TYPE_CHECKING:
    from thimble.core.task import Arrays

LEVEL = "extended"
"""Everything is fused that ever is, and layouts stay plain."""


@dataclass
class Stage:
    """Nodes that ONNX Runtime computes together, then those whose products are redone."""

    plain: list[Any] = field(default_factory=list)
    integer: list[Any] = field(default_factory=list)
    session: Any = None
    takes: list[str] = field(default_factory=list)
    gives: list[str] = field(default_factory=list)


class Emulation:
    """The graph as ONNX Runtime optimises it, with 8-bit products added up with or without saturation.

    ``cut`` counts by node's name the pairs that were cut, ``pairs`` all pairs of unsigned-by-signed nodes. Depthwise
    convolutions are never cut: their kernels add up in 32 bits. Recurrent layers and attention are left to ONNX Runtime.
    """

    def __init__(self, path: Path, saturating: bool, threads: int = 1) -> None:
        from thimble.measure.optimised import optimised

        self.saturating, self.threads = saturating, threads
        self.model = optimised(path, LEVEL)
        import onnx

        graph = self.model.graph
        self.constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
        self.proto = {t.name: t for t in graph.initializer}
        self.inputs = [value.name for value in graph.input if value.name not in self.constants]
        self.outputs = [value.name for value in graph.output]
        self.stages = _stages(graph)
        self.cut: dict[str, int] = {}
        self.pairs: dict[str, int] = {}

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs by name for inputs by name, or by position where names differ."""
        given = [inputs[name] for name in self.inputs] if set(self.inputs) <= set(inputs) else list(inputs.values())
        values = dict(zip(self.inputs, given, strict=True))
        for stage in self.stages:
            if stage.plain:
                self._plain(stage, values)
            for node in stage.integer:
                self._integer(node, values)
        return {name: values[name] for name in self.outputs}

    def _plain(self, stage: Stage, values: dict[str, Any]) -> None:
        if stage.session is None:
            self._open(stage, values)
        found = stage.session.run(stage.gives, {name: values[name] for name in stage.takes})
        values.update(zip(stage.gives, found, strict=True))

    def _integer(self, node: Any, values: dict[str, Any]) -> None:
        import onnx

        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        attributes = {name: value.decode() if isinstance(value, bytes) else value for name, value in attributes.items()}
        inputs: list[Any] = [None if not name else self.constants[name] if name in self.constants else values[name] for name in node.input]
        operator, _, weights = OPERATORS[node.op_type]
        output, cut = operator(attributes, inputs, self.saturating)
        values[node.output[0]] = output
        name = node.name or node.output[0]
        self.cut[name] = self.cut.get(name, 0) + cut
        reduced = inputs[weights][0].size if "Conv" in node.op_type else inputs[weights].shape[-1 if attributes.get("transB") else -2]
        self.pairs[name] = self.pairs.get(name, 0) + output.size * (reduced // 2)

    def _open(self, stage: Stage, values: dict[str, Any]) -> None:
        """A session of the stage's nodes, whose inputs are typed by what came."""
        import onnx
        import onnxruntime

        made = {name for node in stage.plain for name in node.output}
        used = {name for node in stage.plain for name in names_read(node)}
        stage.takes = sorted(name for name in used - made if name in values)
        others = [node for other in self.stages if other is not stage for node in other.plain]
        others += [node for other in self.stages for node in other.integer]
        needed = {name for node in others for name in names_read(node)}
        stage.gives = sorted(made & (needed | set(self.outputs)))
        typed = [(name, onnx.helper.np_dtype_to_tensor_dtype(values[name].dtype)) for name in stage.takes]
        part = onnx.helper.make_graph(
            stage.plain,
            "stage",
            [onnx.helper.make_tensor_value_info(name, kind, None) for name, kind in typed],
            [onnx.ValueInfoProto(name=name) for name in stage.gives],
            [self.proto[name] for name in sorted(used & self.proto.keys())],
        )
        model = onnx.helper.make_model(part, opset_imports=list(self.model.opset_import), ir_version=self.model.ir_version)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.log_severity_level = self.threads, 4
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        stage.session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])


def _stages(graph: Any) -> list[Stage]:
    """Nodes by how many integer nodes lie before them, at most, on any way that leads to them."""
    depth: dict[str, int] = {}
    stages: dict[int, Stage] = {}
    constants = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        at = max((depth.get(name, 0) for name in names_read(node)), default=0)
        stage = stages.setdefault(at, Stage())
        redone = node.op_type in OPERATORS and node.input[OPERATORS[node.op_type][2]] in constants
        (stage.integer if redone else stage.plain).append(node)
        depth |= {name: at + 1 if redone else at for name in node.output if name}
    return [stages[at] for at in sorted(stages)]


def names_read(node: Any) -> set[str]:
    """What a node reads, the graphs inside it included."""
    inner = [a.g for a in node.attribute if a.g.node] + [g for a in node.attribute for g in a.graphs]
    return {name for name in node.input if name} | {name for graph in inner for one in graph.node for name in names_read(one)}
