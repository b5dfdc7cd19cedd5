"""Fine-tune a changed network so that it recovers what the change cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import TORCH, Model
from thimble.core.settings import BatchSize, Epochs, LearningRate, Part, Temperature
from thimble.core.step import Context


@dataclass(frozen=True)
class Finetune:
    """Train on the train split from the present weights; ``taught`` is the share of the loss that comes from the source model.

    ``taught=0`` learns from labels only, ``1`` from the source model's softened outputs only (needs no labels).
    Weights that are exactly zero (unstructured pruning) stay zero. The last epoch's weights are kept.
    """

    epochs: Epochs = 2
    learning_rate: LearningRate = 5e-4
    batch_size: BatchSize = 32
    taught: Part = 0.0
    temperature: Temperature = 3.0

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = TORCH
    version: ClassVar[int] = 3
    effects: ClassVar[tuple[str, ...]] = ("train",)
    uses: ClassVar[tuple[str, ...]] = ("train", "seed", "threads", "teacher")
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = None

    def apply(self, model: Model, context: Context) -> Model:
        """The fine-tuned network. Raises `StepFailed` where the loss diverges, `NotApplicable` without data to learn from."""
        import copy

        import torch

        from thimble.steps.compress._losses import softened, supervised
        from thimble.steps.compress._training import Schedule, mixed, train

        if self.taught and context.teacher is None:
            raise NotApplicable("fine-tuning was to be taught by the source model, and there is none in memory")
        metric = context.task.metric if context.task else "agreement"
        loss = supervised(metric) if self.taught < 1 else None
        if self.taught and context.teacher is not None:
            soft = softened(context.teacher.payload, model, self.temperature, metric)
            loss = mixed(loss, soft, self.taught) if loss else soft
        assert loss is not None
        network = copy.deepcopy(model.payload)
        zeros = {name: p == 0 for name, p in network.named_parameters() if p.ndim > 1 and bool((p == 0).float().mean() > 0.05)}
        hooks = [
            p.register_hook(lambda gradient, mask=zeros[name]: gradient.masked_fill(mask, 0))
            for name, p in network.named_parameters()
            if name in zeros
        ]
        network = train(network, model, loss, Schedule(self.epochs, self.learning_rate, self.batch_size), context)
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            for name, p in network.named_parameters():
                if name in zeros:
                    p[zeros[name]] = 0
        return model.becoming(network)
