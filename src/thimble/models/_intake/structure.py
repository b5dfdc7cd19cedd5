"""Local functions, initializers that are also inputs, operators without a use or a name: onnx_ir's passes do the work."""

from __future__ import annotations

from typing import Any

from thimble.models._intake.wording import count

OLDEST_IR = 8
"""The IR version that files get at least: from 4 on initializers need not be inputs, 7 brings opset 13."""


def inlined(proto: Any) -> tuple[Any, str | None]:
    """The network with its local functions inlined: converter and quantizers look into none of them."""
    import onnx

    if not proto.functions:
        return proto, None
    return onnx.inliner.inline_local_functions(proto), count(len(proto.functions), "local function", "inlined")


def bare_inputs(proto: Any) -> str | None:
    """Take initializers off the list of inputs, so that they are constants; and raise the IR version for that."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    kept = [value for value in proto.graph.input if value.name not in constants]
    taken = len(proto.graph.input) - len(kept)
    proto.ir_version = max(proto.ir_version, OLDEST_IR)
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    return count(taken, "weight", "taken off the list of inputs")


def tidy(proto: Any) -> tuple[Any, str | None]:
    """Drop operators and opsets without a use, make weights of Constant nodes, and give every operator a name of its own."""
    import onnx_ir
    from onnx_ir.passes import common

    before = len(proto.graph.node)
    constants = sum(node.op_type == "Constant" for node in proto.graph.node)
    model = onnx_ir.from_proto(proto)
    model = common.LiftConstantsToInitializersPass(lift_all_constants=True)(model).model
    for each in (common.RemoveUnusedNodesPass(), common.RemoveUnusedOpsetsPass(), common.NameFixPass(), common.TopologicalSortPass()):
        model = each(model).model
    made = onnx_ir.to_proto(model)
    dropped = before - constants - len(made.graph.node)
    lines = (count(constants, "constant", "stored as weights"), count(dropped, "operator", "without a use dropped"))
    return made, "; ".join(filter(None, lines)) or None
