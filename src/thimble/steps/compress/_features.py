"""What a network computes on its way, to be taught by another one: the last value of each shape, in both.

Only heavy work imports this module.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from thimble.core.errors import NotApplicable
from thimble.steps.compress._blocks import traced

LEAST = 1e-7
"""The smallest variance that errors are compared with."""
DIMENSIONS = 3
"""Values with fewer dimensions than this follow from the outputs' own loss."""


class Watched(nn.Module):
    """A network that answers as before and keeps in ``seen`` what was computed on the way; it shares the weights of ``root``."""

    def __init__(self, root: nn.Module, graph: fx.Graph, names: list[str]) -> None:
        super().__init__()
        named = {node.name: node for node in graph.nodes}
        end = next(node for node in graph.nodes if node.op == "output")
        end.args = ((end.args[0], tuple(named[name] for name in names)),)
        self.graph, self.watches = fx.GraphModule(root, graph), len(names)
        self.seen: tuple[Tensor, ...] = ()

    def forward(self, *inputs: Tensor) -> Any:
        """The network's own answer."""
        answer, self.seen = self.graph(*inputs)
        return answer


def watched(network: nn.Module, teacher: nn.Module, example: tuple[Tensor, ...]) -> tuple[Watched, Watched] | None:
    """Both networks, watched where they compute a value of one shape: at the last one of each shape, in order of execution.

    In networks of stages these are the ends of the stages, whatever blocks were removed from them. ``None`` where one of them can't be
    traced, or they have no shape in common. Romero et al. 2015, "FitNets: Hints for Thin Deep Nets" (arXiv:1412.6550), without the
    layers in between, since the shapes agree.
    """
    try:
        mine, other = _traced(network, example, True), _traced(teacher, example, False)
    except NotApplicable:
        return None
    common = [shape for shape in other[1] if shape in mine[1]]
    if not common:
        return None
    ours, theirs = (
        Watched(root, graph, [names[shape] for shape in common])
        for root, (graph, names) in zip((network, teacher.eval()), (mine, other), strict=True)
    )
    return ours, theirs


def _traced(network: nn.Module, example: tuple[Tensor, ...], training: bool) -> tuple[fx.Graph, dict[tuple[int, ...], str]]:
    """The graph, and the name of the last value of each shape that can be learned, the outputs left out."""
    graph = traced(network, example, training).graph
    nodes = list(graph.nodes)
    ends = set(nodes[-1].all_input_nodes)
    found = {}
    for node in nodes:
        seen = node.meta.get("tensor_meta")
        if node.op in ("placeholder", "get_attr") or node in ends or not hasattr(seen, "shape") or not seen.dtype.is_floating_point:
            continue
        if len(seen.shape) >= DIMENSIONS:
            found[tuple(seen.shape)] = node.name
    return graph, found


def unlike(ours: Watched, theirs: Watched) -> Tensor:
    """Return how far what was computed last lies apart: squared errors over the teacher's variance, their mean over the values."""
    pairs = [(one.float(), other.detach().float()) for one, other in zip(ours.seen, theirs.seen, strict=True)]
    return torch.stack([nn.functional.mse_loss(one, other) / other.var().clamp_min(LEAST) for one, other in pairs]).mean()
