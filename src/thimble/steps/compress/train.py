"""Train a network from its initial weights on the train split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.model import TORCH, Model
from thimble.core.settings import BatchSize, Epochs, LearningRate, Seen
from thimble.core.step import Context


@dataclass(frozen=True)
class Train:
    """Supervised training by AdamW: the rate warms up, holds and falls. Needs labels and a train split.

    ``samples`` (seen in all) takes the place of ``epochs``. A part of a split of 1,000 or more is held out; of the
    weights at the end and their moving average the better ones there are kept.
    """

    epochs: Epochs = 5
    learning_rate: LearningRate = 1e-3
    batch_size: BatchSize = 32
    samples: Seen | None = None

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = TORCH
    version: ClassVar[int] = 6
    effects: ClassVar[tuple[str, ...]] = ("train",)
    uses: ClassVar[tuple[str, ...]] = ("train", "seed", "threads")
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"
    lengths: ClassVar[tuple[str, ...]] = ("epochs", "samples")

    def apply(self, model: Model, context: Context) -> Model:
        """The trained network. Raises `StepFailed` where the loss diverges, `NotApplicable` without labels."""
        import copy

        from thimble.steps.compress._losses import supervised
        from thimble.steps.compress._training import Lesson, Schedule, train

        metric = context.task.metric if context.task else "agreement"
        network = copy.deepcopy(model.payload)
        schedule = Schedule(self.epochs, self.learning_rate, self.batch_size, self.samples)
        notes = train(network, model, Lesson(supervised(metric)), schedule, context)
        return model.becoming(network, **notes)
