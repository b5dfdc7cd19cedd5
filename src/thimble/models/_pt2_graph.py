"""Turn an exported program back into modules, so that quantization, pruning and training find what they look for.

An exported program calls operators on bare weights: ``aten.conv2d(x, weight, bias, stride)``. Techniques look for
``nn.Conv2d``. Where all tensors of a call lie under one name (``layer1.0.conv1.weight`` and ``.bias``), the module is
put back at that name; activations, pooling and sums become the functions they were written as. What isn't known
stays an operator: the network is the same, only less of it can be changed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn
from torch.nn import functional
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_CONVOLUTIONS: dict[str, Any] = {"conv1d": nn.Conv1d, "conv2d": nn.Conv2d, "conv3d": nn.Conv3d}
_BATCH_NORMS: dict[int, Any] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(functional, name)
        for name in ("relu", "relu6", "hardswish", "hardsigmoid", "silu", "mish", "leaky_relu", "elu", "gelu")
    },
    **{name: getattr(functional, name) for name in ("hardtanh", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_avg_pool1d")},
    **{name: getattr(torch, name) for name in ("sigmoid", "tanh", "add", "mul", "cat", "flatten")},
}
"""Operators that take the same arguments as a function of PyTorch's."""
_FRESH = frozenset(_FUNCTIONS) - {"flatten"} | {"linear", "batch_norm", *_CONVOLUTIONS}
"""Operators whose result shares no memory with another tensor."""


class Operator(nn.Module):
    """An operator as a module, for those whose only traced arguments stand in lists: tracing does not see them else."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the operator gives."""
        return operator.attrgetter(self.name)(torch.ops)(*args, **kwargs)


def rebuilt(program: ExportedProgram) -> fx.GraphModule:
    """The program's network as a graph of modules and functions, which takes its inputs by position.

    The caller compares it with the program: this module knows how operators are meant, not that it got them right.
    """
    return _copied(program, lambda *parts: _as_module(*parts) or _as_function(*parts[:3]))


def as_operators(program: ExportedProgram) -> fx.GraphModule:
    """The same network, every operator as it was exported."""
    return _copied(program, lambda *parts: None)


def _copied(program: ExportedProgram, replacement: Callable[..., fx.Node | None]) -> fx.GraphModule:
    plain: Any = program.module(check_guards=False)
    new, root = fx.Graph(), {}
    tensors: dict[str, Any] = dict(plain.named_parameters(remove_duplicate=False)) | dict(plain.named_buffers(remove_duplicate=False))
    values: dict[fx.Node, Any] = {}
    for node in plain.graph.nodes:
        if node.op == "output":
            flat = pytree.tree_leaves(node.args, is_leaf=lambda leaf: isinstance(leaf, fx.Node))
            new.output(pytree.tree_unflatten([values.get(one, one) for one in flat], program.call_spec.out_spec))
        elif node.op == "get_attr":
            root[node.target] = tensors[node.target] if node.target in tensors else operator.attrgetter(node.target)(plain)
            values[node] = new.node_copy(node)
        elif "_assert" not in str(node.target) and "sym_constrain" not in str(node.target):
            values[node] = (
                replacement(node, new, values, root) or _hidden(node, new, values, root) or new.node_copy(node, values.__getitem__)
            )
    for node in new.find_nodes(op="get_attr"):
        if not node.users:
            new.erase_node(node)
    used = {node.target for node in new.nodes if node.op in ("get_attr", "call_module")}
    return fx.GraphModule({name: value for name, value in root.items() if name in used}, new, "Exported").eval()


def _hidden(node: fx.Node, new: fx.Graph, values: dict[fx.Node, Any], root: dict[str, Any]) -> fx.Node | None:
    """A call of an `Operator` where all traced arguments stand in lists, such as ``zeros([batch, 16])``."""
    if not node.all_input_nodes or any(isinstance(one, fx.Node) for one in (*node.args, *node.kwargs.values())):
        return None
    name = f"operator_{len(root)}"
    root[name] = Operator(str(node.target))
    args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)
    return new.call_module(name, args, kwargs)


def _arguments(node: fx.Node) -> tuple[str, dict[str, Any]]:
    """The operator's name without the mark of working in place, and all its arguments by name; no name for others."""
    schema = getattr(node.target, "_schema", None)
    if node.op != "call_function" or schema is None or not schema.name.startswith("aten::"):
        return "", {}
    given = {
        one.name: node.args[i] if i < len(node.args) else node.kwargs.get(one.name, one.default_value)
        for i, one in enumerate(schema.arguments)
    }
    return schema.name.removeprefix("aten::").rstrip("_"), given


def _as_module(node: fx.Node, new: fx.Graph, values: dict[fx.Node, Any], root: dict[str, Any]) -> fx.Node | None:
    """A call of the module that the operator's weights belong to; ``None`` where they don't lie together under one name."""
    name, given = _arguments(node)
    if name not in ("linear", "batch_norm", *_CONVOLUTIONS):
        return None
    keys = ("weight", "bias", "running_mean", "running_var") if name == "batch_norm" else ("weight", "bias")
    held = {key: given[key] for key in keys if given[key] is not None}
    prefixes = {one.target.removesuffix(f".{key}") if one.op == "get_attr" else None for key, one in held.items()}
    prefix = prefixes.pop() if len(prefixes) == 1 else None
    if not prefix or prefix in root or any(isinstance(value, fx.Node) for key, value in given.items() if key not in ("input", *keys)):
        return None
    tensors = {key: root[one.target] for key, one in held.items()}
    module = _module(name, given, tensors, node)
    if module is None:
        return None
    for key, tensor in tensors.items():
        setattr(module, key, tensor)
    root[prefix] = module
    return new.call_module(prefix, (values[given["input"]],))


def _module(name: str, given: dict[str, Any], tensors: dict[str, Any], node: fx.Node) -> nn.Module | None:
    """The empty module of that operator and settings; its tensors are put in by the caller."""
    weight, bias = tensors.get("weight"), "bias" in tensors
    if name == "batch_norm":
        if given["training"] or len(tensors) not in (2, 4) or "running_mean" not in tensors:
            return None
        kind = _BATCH_NORMS.get(given["input"].meta["val"].ndim)
        return None if kind is None else kind(len(tensors["running_mean"]), given["eps"], given["momentum"], affine=weight is not None)
    if weight is None:
        return None
    if name == "linear":
        return nn.Linear(weight.shape[1], weight.shape[0], bias)
    stride, padding, dilation = (
        tuple(v) if isinstance(v, list | tuple) else v for v in (given["stride"], given["padding"], given["dilation"])
    )
    channels, groups = weight.shape[1] * given["groups"], given["groups"]
    made: nn.Module = _CONVOLUTIONS[name](channels, weight.shape[0], tuple(weight.shape[2:]), stride, padding, dilation, groups, bias)
    return made


def _as_function(node: fx.Node, new: fx.Graph, values: dict[fx.Node, Any]) -> fx.Node | None:
    """A call of the function that the operator was written as; a dropout at rest is the value it was given."""
    name, given = _arguments(node)
    if name == "dropout" and given["train"] is False:
        found: fx.Node = values[node.args[0]]  # type: ignore[index]
        return found
    if name not in _FUNCTIONS or (node.target._schema.name.endswith("_") and not _may_be_copied(node)):  # type: ignore[union-attr]
        return None
    args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)
    if name in ("add", "mul") and not kwargs:
        return new.call_function(getattr(operator, name), args)
    return new.call_function(_FUNCTIONS[name], args, kwargs)


def _may_be_copied(node: fx.Node) -> bool:
    """Return whether an operator that works in place may give a new tensor: nobody else sees the one that it overwrites."""
    changed = node.args[0]
    return isinstance(changed, fx.Node) and len(changed.users) == 1 and _arguments(changed)[0] in _FRESH
