"""What ONNX Runtime makes of a file before it runs it: the optimised graph, and how much of it really is INT8."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LEVELS = {"all": "ORT_ENABLE_ALL", "extended": "ORT_ENABLE_EXTENDED", "basic": "ORT_ENABLE_BASIC", "disable": "ORT_DISABLE_ALL"}

INTEGER = (
    "QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
    "DynamicQuantizeLSTM", "QAttention", "QLinearConvTranspose",
)  # fmt: skip
"""Convolutions and matrix products that ONNX Runtime computes in integers."""

FLOAT = (
    "Conv",
    "FusedConv",
    "ConvTranspose",
    "Gemm",
    "FusedGemm",
    "MatMul",
    "FusedMatMul",
    "LSTM",
    "GRU",
    "RNN",
    "Attention",
    "NhwcFusedConv",
)
"""The same in float."""

BORDERS = ("QuantizeLinear", "DequantizeLinear")
"""What stands between integers and floats, and costs time where it isn't fused."""


def optimised(path: Path, level: str = "all", options: Mapping[str, str] | None = None) -> Any:
    """The graph after ONNX Runtime's optimisations for this processor, constants included."""
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="thimble-") as folder:
        target = Path(folder) / "optimised.onnx"
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level, settings.intra_op_num_threads = 4, 1
        settings.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[level])
        settings.optimized_model_filepath = str(target)
        for name, value in (options or {}).items():
            if name != "graph_optimization_level":
                settings.add_session_config_entry(name, value)
        onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        return onnx.load(str(target))


def execution_of(model: Any) -> dict[str, Any]:
    """What is counted in an optimised graph.

    ``integer`` and ``float`` convolutions and matrix products, ``float_layers`` the latter's names; ``quantize`` and
    ``dequantize`` nodes that are left, those at the graph's own borders among them; ``conv_integer`` convolutions with
    dynamic ranges; ``batch_norms`` that no convolution took in; ``operators`` by type.
    """
    from thimble.measure.formats._onnx_graph import graphs

    nodes = [node for graph in graphs(model.graph) for node in graph.node]
    kinds = Counter(node.op_type for node in nodes)
    left = [node for node in nodes if node.op_type in FLOAT]
    return {
        "integer": sum(kinds[kind] for kind in INTEGER),
        "float": len(left),
        "float_layers": [node.name or node.output[0] for node in left],
        "quantize": kinds["QuantizeLinear"] + kinds["DynamicQuantizeLinear"],
        "dequantize": kinds["DequantizeLinear"],
        "conv_integer": kinds["ConvInteger"],
        "batch_norms": kinds["BatchNormalization"],
        "operators": dict(kinds.most_common()),
    }
