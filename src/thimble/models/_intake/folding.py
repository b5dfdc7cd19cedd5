"""Constant subgraphs and batch norms, by ONNX Runtime's offline optimizer at its basic level.

It was chosen since it folds whatever its kernels compute, of any size, in seconds and in subgraphs too; onnxscript's
optimizer leaves out tensors above a size and takes a reference evaluator in Python for the others.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from thimble.core.temporary import temporary_folder
from thimble.models._intake.wording import count

GIVING = ("Constant", "ConstantOfShape", "Cast", "Identity")
"""Operators that weights come out of in files of some exporters."""


def fold(proto: Any) -> tuple[Any, str | None]:
    """The network after ONNX Runtime's basic rewriting, which stays within ONNX's own operators."""
    import onnx
    import onnxruntime

    before = Counter(node.op_type for node in proto.graph.node)
    with temporary_folder() as folder:
        target = folder / "folded.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 4, 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(target)
        onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        made = onnx.load(str(target))
    after = Counter(node.op_type for node in made.graph.node)
    return made, _told(before, after)


def _told(before: Counter[str], after: Counter[str]) -> str | None:
    norms = before["BatchNormalization"] - after["BatchNormalization"]
    giving = sum(max(0, before[kind] - after[kind]) for kind in GIVING)
    lines = (count(norms, "batch norm", "folded"), count(giving, "constant", "computed in the graph stored as weights"))
    return "; ".join(filter(None, lines)) or None
