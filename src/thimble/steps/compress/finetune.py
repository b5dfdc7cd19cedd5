"""Fine-tune a changed network so that it recovers what the change cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import TORCH, Model
from thimble.core.settings import BatchSize, Epochs, LearningRate, Part, Seen, Temperature
from thimble.core.step import Context

TAUGHT = 0.9
"""Share of the loss that comes from the source model where there are labels, too. Beyer et al. 2022, "Knowledge distillation: A good
teacher is patient and consistent" (arXiv:2106.05237)."""


@dataclass(frozen=True)
class Finetune:
    """Train on the train split from the present weights until ``samples`` were seen, else for ``epochs``.

    ``taught`` is the share of the loss that comes from the source model's softened outputs: 0 learns from labels only, 1 needs no
    labels, ``None`` takes 0.9 for classes, 1 without labels, and 0 for values. ``augment='auto'`` changes samples in ways that suit
    their kind (images: shift, flip, contrast; signals: slide, noise, masks; tables: blend), of which those are used that leave the
    source model's answers as they are. A part of a split of 1,000 samples or more is held out, and the best weights there are
    kept. Longer trainings go on from shorter ones. ``precision='auto'`` takes bfloat16 where it is measured to be faster here; name
    one for the same result on every machine. Weights that are exactly zero (unstructured pruning) stay zero.
    """

    epochs: Epochs = 2
    learning_rate: LearningRate = 1e-3
    batch_size: BatchSize = 64
    taught: Part | None = None
    temperature: Temperature = 4.0
    samples: Seen | None = None
    augment: str = "auto"
    precision: str = "auto"

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = TORCH
    version: ClassVar[int] = 6
    effects: ClassVar[tuple[str, ...]] = ("train",)
    uses: ClassVar[tuple[str, ...]] = ("train", "seed", "threads", "teacher")
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"
    lengths: ClassVar[tuple[str, ...]] = ("epochs", "samples")
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"augment": ("auto", "none"), "precision": ("auto", "float32", "bfloat16")}

    def apply(self, model: Model, context: Context) -> Model:
        """The fine-tuned network; its notes hold the curve. Raises `StepFailed` where the loss diverges again and again,
        `NotApplicable` without data to learn from."""
        import copy

        import torch

        from thimble.steps.compress._losses import softened, supervised
        from thimble.steps.compress._training import Lesson, Schedule, mixed, train

        if self.taught and context.teacher is None:
            raise NotApplicable("fine-tuning needs the source model as its teacher, but the source is not a model in memory")
        metric = context.task.metric if context.task else "agreement"
        taught = self._share(metric, context)
        loss = supervised(metric) if taught < 1 else None
        if taught and context.teacher is not None:
            soft = softened(context.teacher.payload, model, self.temperature, metric)
            loss = mixed(loss, soft, taught) if loss else soft
        assert loss is not None
        network = copy.deepcopy(model.payload)
        zeros = {name: p == 0 for name, p in network.named_parameters() if p.ndim > 1 and bool((p == 0).float().mean() > 0.05)}
        hooks = [
            p.register_hook(lambda gradient, mask=zeros[name]: gradient.masked_fill(mask, 0))
            for name, p in network.named_parameters()
            if name in zeros
        ]
        judge = context.teacher.payload if context.teacher and self.augment == "auto" and may_change(metric, taught) else None
        schedule = Schedule(self.epochs, self.learning_rate, self.batch_size, self.samples, self.precision)
        notes = train(network, model, Lesson(loss, judge), schedule, context)
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            for name, p in network.named_parameters():
                if name in zeros:
                    p[zeros[name]] = 0
        return model.becoming(network, **notes)

    def _share(self, metric: str, context: Context) -> float:
        from thimble.core.registry import METRICS

        if self.taught is not None:
            return self.taught
        if context.teacher is None or metric in ("mse", "relative_mse"):
            return 0.0
        return 1.0 if hasattr(METRICS.get(metric), "compare") or metric == "mean_ap" else TAUGHT


def may_change(metric: str, taught: float) -> bool:
    """Return whether samples may be moved: their targets are classes or labels, or only the source model says what is right."""
    return taught == 1 or metric in ("accuracy", "f1")
