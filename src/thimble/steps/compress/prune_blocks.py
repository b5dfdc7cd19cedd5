"""Depth pruning: whole blocks are removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import TORCH, Model, example_inputs
from thimble.core.settings import Number, Ratio, Samples
from thimble.core.step import Context
from thimble.core.values import listed


@dataclass(frozen=True)
class PruneBlocks:
    """Remove ``count`` blocks, or a ``share`` of them, one after the other, each time the one without which the outputs move least.

    A block is a stretch of the traced graph whose input and output have one shape: a residual block, an attention or feed-forward
    branch, a convolution with its activation. Outputs are compared with the source model's on ``samples`` of the calibration split,
    by their Kullback-Leibler divergence; batch-norm statistics are taken again there. ``prune_blocks(3) + prune_blocks(3)`` goes on
    where the first three ended, and a longer removal from a shorter one's order. At batch 1 latency follows the number of operators,
    so that depth gains more time than width.
    """

    count: Number = 1
    samples: Samples = 128
    share: Ratio | None = None

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = TORCH
    version: ClassVar[int] = 2
    effects: ClassVar[tuple[str, ...]] = ("prune",)
    uses: ClassVar[tuple[str, ...]] = ("calibration", "teacher")
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"
    lengths: ClassVar[tuple[str, ...]] = ("count", "share")

    def apply(self, model: Model, context: Context) -> Model:
        """The shallower network; the notes ``removed_blocks`` and ``divergence`` name them in order, with what the outputs moved.

        Raises `NotApplicable` where the network can't be traced, has too few blocks, or there are no calibration data.
        """
        import copy

        import torch

        from thimble.steps.compress._batch_norms import settle_again
        from thimble.steps.compress._blocks import blocks, traced, without
        from thimble.steps.compress._removal import Order, least_missed, outputs

        if context.task is None:
            raise NotApplicable("removing blocks needs calibration data, and there is no task")
        graph = traced(model.payload, example_inputs(model))
        there = blocks(graph)
        count = self._of([block.name for block in there])
        order = Order.read(context.trail)
        if len(order.chosen) < count:
            samples = _together(model, context, self.samples)
            teacher = context.teacher.payload if context.teacher else model.payload
            with torch.no_grad():
                wanted = outputs(teacher.eval(), samples)

            def tell(done: int) -> None:
                context.progress(done / count, f"block {done + 1} of {count}")

            order = least_missed(graph, samples, wanted, count, order, tell)
            order.keep(context.trail)
        chosen = [(there[i], value) for i, value in order.chosen[:count]]
        network = copy.deepcopy(without(graph, [block for block, _ in chosen]))
        settle_again(network, model, context)
        before, after = (sum(p.numel() for p in one.parameters()) for one in (model.payload, network))
        notes: dict[str, Any] = {
            "removed_blocks": [*model.notes.get("removed_blocks", []), *(block.name for block, _ in chosen)],
            "divergence": [round(value, 4) for _, value in chosen],
            "blocks_left": len(there) - count,
        }
        return model.becoming(network.eval(), parameters_before=before, parameters_after=after, **notes)

    def _of(self, names: list[str]) -> int:
        """How many of the blocks are to go; raises `NotApplicable` where there are too few."""
        count = self.count if self.share is None else round(self.share * len(names))
        if len(names) < count or count == 0:
            wanted = f"{self.count}" if self.share is None else f"{self.share:.0%} of them"
            there = f"{len(names)}: {listed(names, 6)}" if names else "none"
            raise NotApplicable(f"the model has too few blocks that can be removed to remove {wanted}; it has {there}")
        return count


def _together(model: Model, context: Context, count: int) -> tuple[Any, ...]:
    """Calibration samples as one batch of tensors."""
    import numpy as np
    import torch

    from thimble.steps.compress._calibration import calibration_batches

    parts = list(calibration_batches(model, context, "data", count))
    if not parts:
        raise NotApplicable("the calibration split has too few samples for the model's batch size")
    return tuple(torch.from_numpy(np.concatenate([part[spec.name] for part in parts])) for spec in model.inputs)
