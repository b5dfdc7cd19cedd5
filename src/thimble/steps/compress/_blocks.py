"""Blocks of a traced network: stretches whose input and output have one shape, so that the network runs without them.

Only heavy work imports this module.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from thimble.core.errors import NotApplicable
from thimble.core.values import first_line

ADDS = (operator.add, operator.iadd, torch.add, "add", "add_")
ACTIVATIONS = ("relu", "relu6", "gelu", "silu", "hardswish", "leaky_relu", "elu", "sigmoid", "tanh")
IDEMPOTENT = ("relu", "relu6")
"""Activations that change nothing a second time."""
LAYERS = (nn.Linear, nn.modules.conv._ConvNd, nn.MultiheadAttention, nn.RNNBase)


@dataclass(frozen=True)
class Block:
    """A stretch of a graph from the value ``begin`` to the value ``end``, of one shape; ``name`` is for people."""

    begin: str
    end: str
    name: str


def traced(network: nn.Module, example: tuple[Tensor, ...], training: bool = False) -> fx.GraphModule:
    """A copy of the network as a graph, with the shapes of its values in each node's ``meta``; with ``training`` as it runs then.

    Raises `NotApplicable` where it can't be traced: its control flow depends on its inputs.
    """
    try:
        made = fx.symbolic_trace(copy.deepcopy(network).train(training)).eval()
        with torch.no_grad():
            ShapeProp(made).propagate(*example)
        for node in made.graph.nodes:
            node.type = None  # annotations that are texts can't be pickled
    except Exception as error:  # the traced code raises whatever it likes
        raise NotApplicable(f"torch.fx can't trace this model: {first_line(error)}") from error
    return made


def blocks(graph: fx.GraphModule) -> list[Block]:
    """The smallest blocks that hold a layer, in the order of execution.

    Two kinds: what lies between two values of one shape that come out of the same kind of operator, where nothing else passes by
    (a residual block with its activation, a convolution with its activation); and the branch that a sum adds to its own input.
    """
    nodes = list(graph.graph.nodes)
    order = {node: i for i, node in enumerate(nodes)}
    found = []
    for begin, end in dict.fromkeys([*_stretches(graph, nodes), *_branches(nodes)]):
        inside = _between(begin, end)
        layers = sum(_has_weights(graph, node) for node in inside)
        if layers:
            found.append((layers, _rank(_kind(graph, end)), order[end], begin, end, inside))
    taken: set[fx.Node] = set()
    kept: list[tuple[int, Block]] = []
    for _, _, place, begin, end, inside in sorted(found, key=lambda one: one[:3]):
        if not taken.intersection(inside):
            taken.update(inside)
            kept.append((place, Block(begin.name, end.name, _name(graph, inside))))
    return [block for _, block in sorted(kept, key=lambda one: one[0])]


def without(graph: fx.GraphModule, removed: list[Block]) -> fx.GraphModule:
    """A graph without these blocks; it shares the modules that are left with ``graph``."""
    made = fx.GraphModule(graph, copy.deepcopy(graph.graph))
    for block in removed:
        named = {node.name: node for node in made.graph.nodes}
        begin, end = named.get(block.begin), named[block.end]
        if begin is None:  # it ends a block that was removed before
            begin = _source(removed, block, named)
        end.replace_all_uses_with(begin)
        _drop_repeated(made, begin)
        made.graph.eliminate_dead_code()
    made.delete_all_unused_submodules()
    made.graph.lint()
    made.recompile()
    return made


def _source(removed: list[Block], block: Block, named: dict[str, fx.Node]) -> fx.Node:
    """Return the value that replaces the block's input."""
    by_end = {one.end: one for one in removed}
    name = block.begin
    while name not in named:
        name = by_end[name].begin
    return named[name]


def _drop_repeated(graph: fx.GraphModule, value: fx.Node) -> None:
    """Take out an activation behind a value that came out of the same activation."""
    kind = _kind(graph, value)
    if kind not in IDEMPOTENT:
        return
    for user in list(value.users):
        if _kind(graph, user) == kind and user.args and user.args[0] is value:
            user.replace_all_uses_with(value)


def _stretches(graph: fx.GraphModule, nodes: list[fx.Node]) -> Iterator[tuple[fx.Node, fx.Node]]:
    """From each value that everything passes through to the next one of its shape and kind."""
    cuts = _cuts(nodes)
    for i, begin in enumerate(cuts):
        for end in cuts[i + 1 :]:
            if _shape(end) != _shape(begin) or _kind(graph, end) != _kind(graph, begin):
                continue
            if any(_has_weights(graph, node) for node in _between(begin, end)):
                yield begin, end
                break


def _cuts(nodes: list[fx.Node]) -> list[fx.Node]:
    """Values such that nothing computed from the inputs before them is read after them."""
    order = {node: i for i, node in enumerate(nodes)}
    last = {node: max((order[user] for user in node.users), default=order[node]) for node in nodes}
    found, reach = [], -1
    for i, node in enumerate(nodes):
        if node.op not in ("get_attr", "output") and reach <= i and _shape(node) is not None:
            found.append(node)
        if node.op != "get_attr":
            reach = max(reach, last[node])
    return found


def _branches(nodes: list[fx.Node]) -> Iterator[tuple[fx.Node, fx.Node]]:
    """Sums of a value and of something computed from it."""
    for node in nodes:
        if node.target not in ADDS or node.op not in ("call_function", "call_method"):
            continue
        values = [value for value in node.args[:2] if isinstance(value, fx.Node)]
        if len(values) < 2:
            continue
        for kept, other in (values, values[::-1]):
            if _shape(kept) == _shape(node) and other is not kept and kept in _ancestors(other):
                yield kept, node


def _ancestors(node: fx.Node) -> set[fx.Node]:
    """Everything that a value is computed from, itself included."""
    found, waiting = {node}, [node]
    while waiting:
        for one in waiting.pop().all_input_nodes:
            if one not in found:
                found.add(one)
                waiting.append(one)
    return found


def _between(begin: fx.Node, end: fx.Node) -> list[fx.Node]:
    """What is computed from ``begin`` for ``end``, ``end`` included."""
    behind, waiting = set(), [begin]
    while waiting:
        for user in waiting.pop().users:
            if user not in behind:
                behind.add(user)
                if user is not end:
                    waiting.append(user)
    before = _ancestors(end)
    return [node for node in end.graph.nodes if node in behind and node in before]


def _rank(kind: str) -> int:
    """Where blocks of one length overlap: those that end in an activation come first, then sums, then others."""
    return 0 if kind in ACTIVATIONS else 1 if kind == "add" else 2


def _has_weights(graph: fx.GraphModule, node: fx.Node) -> bool:
    return node.op == "call_module" and isinstance(graph.get_submodule(str(node.target)), LAYERS)


def _shape(node: fx.Node) -> tuple[int, ...] | None:
    """The shape of a value that is one tensor."""
    meta = node.meta.get("tensor_meta")
    return tuple(meta.shape) if meta is not None and hasattr(meta, "shape") else None


def _kind(graph: fx.GraphModule, node: fx.Node) -> str:
    """What an operator is, in one word, however it was written: a module, a function or a method."""
    if node.op == "call_module":
        name = type(graph.get_submodule(str(node.target))).__name__.lower()
    elif node.op in ("call_function", "call_method"):
        name = getattr(node.target, "__name__", str(node.target)).rstrip("_")
    else:
        name = node.op
    return "add" if name == "iadd" else name


def _name(graph: fx.GraphModule, inside: list[fx.Node]) -> str:
    """The path of a block's only layer, or the path that its layers share."""
    paths = [str(node.target).split(".") for node in inside if _has_weights(graph, node)]
    shared = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared or paths[0])
