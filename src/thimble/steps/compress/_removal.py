"""The order in which blocks are removed: each time the one without which the outputs move least.

Only heavy work imports this module.
"""

from __future__ import annotations

import contextlib
import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from thimble.core.aside import new_file
from thimble.core.model import named_outputs
from thimble.steps.compress._blocks import blocks, without

LEAST = 1e-7
"""Probabilities are held this far from 0 before their logarithm."""
ORDER = "order.json"
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


@dataclass
class Order:
    """How far a removal is: blocks by their place in the network with the divergence after each, and the queue of the others.

    A longer removal goes on from a shorter one's order and ends with the same blocks as if it had been made at once.
    """

    chosen: list[tuple[int, float]] = field(default_factory=list)
    queue: list[tuple[float, int, int]] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path | None) -> Order:
        """Return the order that is kept in a folder; a new one where none is."""
        try:
            return msgspec.convert(json.loads((folder / ORDER).read_bytes()), cls) if folder else cls()
        except (OSError, ValueError, msgspec.ValidationError):
            return cls()

    def keep(self, folder: Path | None) -> None:
        """Write the order aside and put it in place, unless a longer one is there."""
        if folder is None or len(Order.read(folder).chosen) >= len(self.chosen):
            return
        with new_file(folder / ORDER) as aside:
            aside.write_bytes(msgspec.json.encode(self))


def least_missed(graph: fx.GraphModule, samples: tuple[Tensor, ...], wanted: list[Tensor], count: int, order: Order, tell: Tell) -> Order:
    """Return ``order`` with ``count`` blocks, or as many as there are: each time the one without which the outputs move least.

    Greedy, and lazy: a block's figure from an earlier round orders the queue, and only the first in the queue is looked at again, until
    one stays first (Minoux 1978, "Accelerated greedy algorithms"). Batch normalisations use the statistics of ``samples`` meanwhile, as
    theirs are taken again afterwards. ``wanted`` are the outputs to keep to.
    """
    there = blocks(graph)
    chosen, queue = list(order.chosen), list(order.queue)

    def cost(removed: list[int]) -> float:
        tell(len(chosen))
        return divergence(wanted, outputs(without(graph, [there[i] for i in removed]), samples))

    with torch.no_grad(), _batch_statistics(graph):
        if not chosen:
            queue = [(cost([i]), i, 0) for i in range(len(there))]
        heapq.heapify(queue)
        while queue and len(chosen) < count:
            value, i, seen = heapq.heappop(queue)
            if seen == len(chosen):
                chosen.append((i, value))
            else:
                heapq.heappush(queue, (cost([*(one for one, _ in chosen), i]), i, len(chosen)))
    return Order(chosen, sorted(queue))


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
