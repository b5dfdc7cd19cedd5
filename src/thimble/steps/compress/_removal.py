"""The order in which blocks are removed: each time the one without which the outputs move least.

Only heavy work imports this module.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from thimble.core.model import named_outputs
from thimble.steps.compress._blocks import Block, blocks, without

LEAST = 1e-7
"""Probabilities are held this far from 0 before their logarithm."""
Tell = Callable[[int], None]
"""Called with the number of blocks that are removed already."""


def divergence(wanted: Sequence[Tensor], given: Sequence[Tensor]) -> float:
    """How far outputs moved, 0 where they didn't: the mean Kullback-Leibler divergence of classes in nats; the squared error over
    the variance of everything else."""
    total = 0.0
    for one, other in zip(wanted, given, strict=True):
        if not one.is_floating_point():
            continue
        if one.ndim == 2 and one.shape[1] > 1:
            moved = functional.kl_div(_log_probabilities(other), _log_probabilities(one), reduction="batchmean", log_target=True)
            total += float(moved)
        else:
            total += float(functional.mse_loss(other, one) / one.var().clamp_min(LEAST))
    return total if total == total else float("inf")


def _log_probabilities(output: Tensor) -> Tensor:
    """Logarithms of probabilities, of which outputs may be the logarithms already, up to a constant."""
    probable = bool((output >= 0).all()) and bool(torch.allclose(output.sum(1), torch.ones(len(output)), atol=1e-3))
    return output.clamp_min(LEAST).log() if probable else functional.log_softmax(output, 1)


def least_missed(
    graph: fx.GraphModule, samples: tuple[Tensor, ...], wanted: list[Tensor], count: int, tell: Tell
) -> list[tuple[Block, float]]:
    """Up to ``count`` blocks in the order of their removal, each with the divergence of the outputs after it.

    Greedy, and lazy: a block's figure from an earlier round orders the queue, and only the first in the queue is looked at again, until
    one stays first (Minoux 1978, "Accelerated greedy algorithms"). Batch normalisations use the statistics of ``samples`` meanwhile, as
    theirs are taken again afterwards. ``wanted`` are the outputs to keep to.
    """

    def cost(removed: list[Block]) -> float:
        tell(len(chosen))
        return divergence(wanted, outputs(without(graph, removed), samples))

    chosen: list[tuple[Block, float]] = []
    with torch.no_grad(), _batch_statistics(graph):
        queue = [(cost([block]), i, 0, block) for i, block in enumerate(blocks(graph))]
        heapq.heapify(queue)
        while queue and len(chosen) < count:
            value, i, seen, block = heapq.heappop(queue)
            if seen == len(chosen):
                chosen.append((block, value))
            else:
                heapq.heappush(queue, (cost([*(one for one, _ in chosen), block]), i, len(chosen), block))
    return chosen


@contextlib.contextmanager
def _batch_statistics(network: nn.Module) -> Iterator[None]:
    """Let batch normalisations use the statistics of what they are given, and keep their own."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.running_mean is not None]
    kept = [(norm.running_mean, norm.running_var) for norm in norms]
    for norm in norms:
        norm.running_mean = norm.running_var = None
    try:
        yield
    finally:
        for norm, (mean, variance) in zip(norms, kept, strict=True):
            norm.running_mean, norm.running_var = mean, variance


def outputs(network: nn.Module, samples: tuple[Tensor, ...]) -> list[Tensor]:
    """The network's outputs in order."""
    return list(named_outputs(network(*samples)).values())
