"""Train a network from its initial weights on the train split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.model import TORCH, Model
from thimble.core.settings import BatchSize, Epochs, LearningRate
from thimble.core.step import Context


@dataclass(frozen=True)
class Train:
    """Supervised training: AdamW on a one-cycle schedule. Needs labels and a train split.

    ``learning_rate`` is the schedule's peak. The last epoch's weights are kept: none is chosen on held-out data.
    """

    epochs: Epochs = 5
    learning_rate: LearningRate = 1e-3
    batch_size: BatchSize = 32

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = TORCH
    version: ClassVar[int] = 3
    effects: ClassVar[tuple[str, ...]] = ("train",)
    uses: ClassVar[tuple[str, ...]] = ("train", "seed", "threads")
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = None

    def apply(self, model: Model, context: Context) -> Model:
        """The trained network. Raises `StepFailed` where the loss diverges, `NotApplicable` without labels."""
        import copy

        from thimble.steps.compress._losses import supervised
        from thimble.steps.compress._training import Schedule, train

        metric = context.task.metric if context.task else "agreement"
        network = copy.deepcopy(model.payload)
        schedule = Schedule(self.epochs, self.learning_rate, self.batch_size)
        return model.becoming(train(network, model, supervised(metric), schedule, context))
