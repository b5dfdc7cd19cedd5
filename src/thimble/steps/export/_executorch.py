"""What the steps for ExecuTorch share: lowering to XNNPACK, and the count of what it takes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import Model, example_inputs
from thimble.core.values import first_line
from thimble.steps.export._exporting import quiet


def traced(network: Any, model: Model) -> Any:
    """``torch.export`` of a network at batch 1; raises `NotApplicable` with the reason."""
    import torch

    try:
        with quiet(), torch.no_grad():
            return torch.export.export(network, example_inputs(model, 1))
    except Exception as error:  # the traced code raises whatever it likes
        raise NotApplicable(f"torch.export can't trace this model: {first_line(error)}") from error


def write_program(program: Any, path: Path) -> dict[str, Any]:
    """Lower an exported program, XNNPACK first, write it, and say in notes what runs where.

    ``delegated`` counts the operators that XNNPACK takes, ``delegates`` the parts they form, ``portable`` names the operators that
    ExecuTorch's own plain kernels run, with their counts. Raises `StepFailed` where lowering fails.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    try:
        with quiet():
            lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
            notes = _placed(lowered.exported_program().graph_module)
            path.write_bytes(lowered.to_executorch().buffer)
    except Exception as error:  # the compiler raises all kinds
        raise StepFailed(f"ExecuTorch can't lower this model: {first_line(error)}") from error
    return notes


def _placed(graph: Any) -> dict[str, Any]:
    delegates = [node for node in graph.graph.nodes if node.op == "call_function" and "call_delegate" in str(node.target)]
    parts = [getattr(graph, str(node.args[0].target)).original_module.graph_module for node in delegates]
    portable = Counter(_operators(graph))
    return {"delegated": sum(len(_operators(part)) for part in parts), "delegates": len(parts), "portable": dict(sorted(portable.items()))}


def _operators(graph: Any) -> list[str]:
    """The names of operators that compute; picking one of several results is none."""
    nodes = [node for node in graph.graph.nodes if node.op == "call_function"]
    names = [getattr(node.target, "__name__", str(node.target)) for node in nodes if "call_delegate" not in str(node.target)]
    return [name for name in names if name != "getitem"]
