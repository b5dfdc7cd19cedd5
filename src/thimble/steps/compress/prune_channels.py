"""Structured pruning: whole channels are removed, together with everything that depends on them."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import TORCH, Model, batch_of, example_inputs, named_outputs
from thimble.core.settings import Multiple, Ratio
from thimble.core.step import Context
from thimble.core.values import first_line, listed

SEARCH_S = 60
"""Seconds of processor time that finding the coupled layers may take: a second for most networks; with shifted windows it never ends."""


IMPORTANCE = ("taylor", "magnitude")
ALLOCATION = ("uniform", "global")


@dataclass(frozen=True)
class PruneChannels:
    """Remove the ``ratio`` of channels that matter least from every group of coupled layers.

    ``importance='taylor'`` ranks channels by what the loss on the calibration split would change without them, to first order
    (Molchanov et al. 2019, arXiv:1906.10771), ``'magnitude'`` by their L2 norm, which measured better.
    ``allocation='uniform'`` takes the same share from each group, ``'global'`` lets groups compete, up to 80 % of one.
    Batch-norm statistics are taken again on the calibration split.

    ``round_to`` keeps channel counts a multiple of it (the vector width of the processor). The layers that make
    the outputs are left alone, recurrent ones, and groups that can't lose channels (a split at constant places, a view, a
    shuffle): those are named. Groups are found by torch-pruning's dependency graph: Fang et al. 2023, "DepGraph:
    Towards Any Structural Pruning" (arXiv:2301.12900).
    """

    ratio: Ratio = 0.3
    round_to: Multiple | None = None
    importance: str = "magnitude"
    allocation: str = "uniform"

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = TORCH
    version: ClassVar[int] = 3
    effects: ClassVar[tuple[str, ...]] = ("prune",)
    uses: ClassVar[tuple[str, ...]] = ("calibration",)
    helpful: ClassVar[tuple[str, ...]] = ("calibration",)
    needs: ClassVar[tuple[str, ...]] = ("torch", "torch_pruning")
    extra: ClassVar[str | None] = "torch"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"importance": IMPORTANCE, "allocation": ALLOCATION}

    def __post_init__(self) -> None:
        if not 0 < self.ratio < 1:
            raise BadInput(f"prune_channels: ratio must lie between 0 and 1, not {self.ratio}")
        if self.round_to is not None and self.round_to < 1:
            raise BadInput(f"prune_channels: round_to must be at least 1, not {self.round_to}")

    def apply(self, model: Model, context: Context) -> Model:
        """The smaller network; the note ``left_unpruned`` names layers whose groups can't lose channels, ``left_reason`` says why.

        Raises `NotApplicable` where nothing can be pruned, with the reason.
        """
        from thimble.steps.compress._batch_norms import settle_again
        from thimble.steps.compress._pruning import Asked, pruned

        example = example_inputs(model)
        before = sum(p.numel() for p in model.payload.parameters())
        taylor = self.importance == "taylor"
        if taylor and context.task is None:
            raise NotApplicable("prune_channels(importance='taylor') needs calibration data, and there is no task")
        learn = (lambda network: _learn(network, model, context)) if taylor else None
        asked = Asked(self.ratio, self.round_to, self.allocation == "global", learn)
        try:
            with _at_most(SEARCH_S):
                made = pruned(model.payload, example, lambda network: _staying(network, example), asked)
        except NotApplicable:
            raise
        except Exception as error:  # torch-pruning and the model's own code raise all kinds
            raise NotApplicable(f"channels can't be removed from this model: {_told(error)}") from error
        after = sum(p.numel() for p in made.network.parameters())
        if after == before:
            why = f": {listed(made.left, 4)} can't ({made.reason})" if made.left else ""
            raise NotApplicable(f"no layer of this model has channels that can be removed{why}")
        settle_again(made.network, model, context)
        left: dict[str, Any] = {"left_unpruned": list(made.left), "left_reason": made.reason} if made.left else {}
        return model.becoming(
            made.network, parameters_before=before, parameters_after=after, importance="taylor" if taylor else "magnitude", **left
        )


def _learn(network: Any, model: Model, context: Context) -> None:
    """Give a network's parameters the gradients of the loss on the calibration split.

    Without labels that fit, the loss is that of the network's own decisions, or the squares of its outputs: the source model's
    outputs would give no gradient, since the network still answers as it does.
    """
    import numpy as np
    import torch

    from thimble.core.model import fed
    from thimble.steps.compress._calibration import BATCH

    network.eval()
    network.zero_grad()
    assert context.task is not None
    for batch in context.task.split("calibration").batches(batch_of(model.inputs) or BATCH):
        inputs = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in fed(batch.inputs, model.inputs).items()}
        if batch_of(model.inputs) in (None, len(batch)):
            output = next(iter(named_outputs(network(*(inputs[spec.name] for spec in model.inputs))).values()))
            _loss(output, batch.targets, context.task.metric).backward()
    for parameter in network.parameters():
        if parameter.grad is None:  # nothing of it reached the output
            parameter.grad = torch.zeros_like(parameter)


def _loss(output: Any, targets: Any, metric: str) -> Any:
    import torch

    if output.ndim == 2 and output.shape[1] > 1:
        labels = torch.from_numpy(targets).long() if metric == "accuracy" and targets is not None and targets.ndim == 1 else None
        if labels is None or not 0 <= int(labels.min()) <= int(labels.max()) < output.shape[1]:
            labels = output.argmax(1)
        return torch.nn.functional.cross_entropy(output, labels)
    return output.square().mean()


def _staying(network: Any, example: Any) -> list[Any]:
    """The layers that keep their channels: those that make the outputs, and recurrent ones."""
    from torch import nn

    return [*output_layers(network, example), *(module for module in network.modules() if isinstance(module, nn.RNNBase))]


@contextlib.contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """Raise `NotApplicable` inside the block after some processor time, where the system can tell (Unix, main thread)."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise NotApplicable(f"torch-pruning did not find out within {seconds} s which layers depend on one another")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _told(error: Exception) -> str:
    """What happened and where: torch-pruning fails on graphs that it can't follow with whatever Python raises there."""
    import traceback

    place = traceback.extract_tb(error.__traceback__)[-1]
    if "torch_pruning" in place.filename:
        return f"torch-pruning can't follow its graph ({first_line(error)} in {place.name})"
    return first_line(error)


def output_layers(network: Any, example: Any) -> list[Any]:
    """The convolutions and linear layers that directly make an output: the last one run, and any whose result is one."""
    import torch
    from torch import nn

    ran: list[tuple[Any, Any]] = []
    layers = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)]
    hooks = [layer.register_forward_hook(lambda m, _, result: ran.append((m, result))) for layer in layers]
    with torch.no_grad():
        outputs = named_outputs(network(*example)).values()
    for hook in hooks:
        hook.remove()
    places = {tensor.data_ptr() for tensor in outputs}
    return list(dict.fromkeys([*(m for m, result in ran if result.data_ptr() in places), *(m for m, _ in ran[-1:])]))
