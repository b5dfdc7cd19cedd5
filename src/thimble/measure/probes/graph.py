"""What is executed in integers: an ONNX file as it is, beside what ONNX Runtime makes of it on this processor."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.subject import Subject

if TYPE_CHECKING:
    from thimble.core.task import Arrays

INTEGER = (
    "QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
    "DynamicQuantizeLSTM", "QAttention",
)  # fmt: skip
"""Convolutions and matrix products that ONNX Runtime computes in integers."""

FLOAT = (
    "Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul", "FusedMatMul", "LSTM", "GRU", "RNN", "Attention",
)  # fmt: skip
"""The same in float."""

CONVOLUTIONS = ("Conv", "QLinearConv", "ConvInteger")
VECTORS = (8, 16)
"""Channels that vector instructions of 256 and 512 bits take at once in float32."""


class Graph:
    """Count the convolutions and matrix products that really run in INT8, and the operators between them.

    Of the optimised graph: ``integer``, ``float`` and ``float_layers``; ``quantize`` and ``dequantize`` that are left;
    ``conv_integer``; ``dynamic`` operators that find ranges while they run; ``batch_norms`` that no convolution took in;
    ``nodes`` in all. Of the file: ``quantized`` convolutions and matrix products with 8-bit weights; ``activations`` by
    integer type; ``fake_quantized`` bytes of weights that are stored in float and quantized at every start;
    ``convolutions``, and how many of them have a number of filters that 8, or 16, doesn't divide.
    """

    title: ClassVar[str] = "what is executed in integers"
    slow: ClassVar[bool] = False

    def observe(self, subject: Subject, inputs: Arrays) -> dict[str, Any]:
        """The counts; or ``not available`` and why."""
        from thimble.core.values import first_line
        from thimble.measure.optimised import optimised

        if subject.artifact.format != "onnx" or subject.runtime != "onnxruntime":
            return {"not available": "only ONNX Runtime shows the graph that it executes"}
        path = subject.folder / subject.artifact.main
        try:
            made = optimised(path, subject.options.get("graph_optimization_level", "all"), subject.options)
        except Exception as error:
            return {"not available": f"ONNX Runtime can't write the optimised graph: {first_line(error)}"}
        return {**file_facts(path), **execution_facts(made)}


def execution_facts(model: Any) -> dict[str, Any]:
    """What is counted in an optimised graph."""
    from thimble.formats._onnx_graph import graphs

    nodes = [node for graph in graphs(model.graph) for node in graph.node]
    kinds = Counter(node.op_type for node in nodes)
    left = [node for node in nodes if node.op_type in FLOAT]
    return {
        "nodes": len(nodes),
        "integer": sum(kinds[kind] for kind in INTEGER),
        "float": len(left),
        "float_layers": [node.name or node.output[0] for node in left],
        "quantize": kinds["QuantizeLinear"],
        "dequantize": kinds["DequantizeLinear"],
        "conv_integer": kinds["ConvInteger"],
        "dynamic": kinds["DynamicQuantizeLinear"] + kinds["DynamicQuantizeMatMul"] + kinds["DynamicQuantizeLSTM"],
        "batch_norms": kinds["BatchNormalization"],
    }


def file_facts(path: Any) -> dict[str, Any]:
    """What is counted in the file itself, without reading its weights."""
    import math

    import onnx

    from thimble.formats._onnx_graph import graphs

    model = onnx.load(str(path), load_external_data=False)
    parts = list(graphs(model.graph))
    nodes = [node for graph in parts for node in graph.node]
    tensors = {tensor.name: tensor for graph in parts for tensor in graph.initializer}
    made_by = {name: node for node in nodes for name in node.output}
    fed = [n for n in nodes if n.op_type in FLOAT and len(n.input) > 1 and _kind_of(made_by.get(n.input[1])) == "DequantizeLinear"]
    fake = [n.input[0] for n in nodes if n.op_type == "QuantizeLinear" and n.input[0] in tensors]
    counted = (_filters(node, tensors, made_by) for node in nodes if node.op_type in CONVOLUTIONS)
    filters = [count for count in counted if count]
    return {
        "quantized": len(fed) + sum(node.op_type in INTEGER for node in nodes),
        "activations": _activations(nodes, tensors),
        "fake_quantized": sum(4 * math.prod(tensors[name].dims) for name in fake),
        "convolutions": len(filters),
        **{f"not_by_{n}": sum(count % n != 0 for count in filters) for n in VECTORS},
    }


def _kind_of(node: Any) -> str:
    return "" if node is None else str(node.op_type)


def _activations(nodes: list[Any], tensors: dict[str, Any]) -> dict[str, int]:
    """Quantized activations by their integer type."""
    import onnx

    zeros = [n.input[2] for n in nodes if n.op_type == "QuantizeLinear" and n.input[0] not in tensors and len(n.input) > 2]
    kinds = Counter(onnx.TensorProto.DataType.Name(tensors[name].data_type).lower() for name in zeros if name in tensors)
    return dict(kinds.most_common())


def _filters(node: Any, tensors: dict[str, Any], made_by: dict[str, Any]) -> int | None:
    """A convolution's number of filters, from its weights, quantized ones too."""
    name = node.input[3 if node.op_type == "QLinearConv" else 1]
    while name not in tensors and _kind_of(made_by.get(name)) in ("DequantizeLinear", "QuantizeLinear", "Cast"):
        name = made_by[name].input[0]
    return int(tensors[name].dims[0]) if name in tensors else None
