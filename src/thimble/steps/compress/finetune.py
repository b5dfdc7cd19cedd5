"""Fine-tune a changed network so that it recovers what the change cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import TORCH, Model, example_inputs
from thimble.core.settings import BatchSize, Epochs, LearningRate, Part, Seen, Temperature, Weight
from thimble.core.step import Context

if TYPE_CHECKING:
    from thimble.steps.compress._training import Lesson

TAUGHT = 0.9
"""Share of the loss that comes from the source model where there are labels, too. Beyer et al. 2022, "Knowledge distillation: A good
teacher is patient and consistent" (arXiv:2106.05237)."""


@dataclass(frozen=True)
class Finetune:
    """Train on the train split from the present weights until ``samples`` were seen, else for ``epochs``.

    ``taught`` is the share of the loss that comes from the source model's softened outputs: 0 learns from labels only, 1 needs no
    labels, ``None`` takes 0.9 for classes, 1 without labels, and 0 for values. Where the source model teaches, ``features`` is the weight
    of what it computes on the way: the last values of each shape that both networks have. ``augment='auto'`` changes samples in ways
    that suit their kind (images: shift, flip, contrast; signals: slide, noise, masks; tables: blend), of which those are used that leave
    the source model's answers as they are. A part of a split of 1,000 samples or more is held out, and the best weights there are
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
    features: Weight = 300.0

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = TORCH
    version: ClassVar[int] = 7
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

        from thimble.steps.compress._training import Schedule, train

        network = copy.deepcopy(model.payload)
        lesson, features = self._lesson(network, model, context)
        zeros = {name: p == 0 for name, p in network.named_parameters() if p.ndim > 1 and bool((p == 0).float().mean() > 0.05)}
        hooks = [
            p.register_hook(lambda gradient, mask=zeros[name]: gradient.masked_fill(mask, 0))
            for name, p in network.named_parameters()
            if name in zeros
        ]
        schedule = Schedule(self.epochs, self.learning_rate, self.batch_size, self.samples, self.precision)
        notes = train(network, model, lesson, schedule, context)
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            for name, p in network.named_parameters():
                if name in zeros:
                    p[zeros[name]] = 0
        return model.becoming(network, **notes, features=features)

    def _lesson(self, network: Any, model: Model, context: Context) -> tuple[Lesson, int]:
        """What the network learns, and how many values on the way it is taught. Raises `NotApplicable` where nobody teaches."""
        from thimble.steps.compress._features import watched
        from thimble.steps.compress._losses import softened, supervised
        from thimble.steps.compress._training import Lesson, followed, mixed

        if self.taught and context.teacher is None:
            raise NotApplicable("fine-tuning needs the source model as its teacher, but the source is not a model in memory")
        metric = context.task.metric if context.task else "agreement"
        taught, teacher = self._share(metric, context), context.teacher.payload if context.teacher else None
        judge = teacher if self.augment == "auto" and may_change(metric, taught) else None
        if not taught or teacher is None:
            return Lesson(supervised(metric), judge), 0
        pair = watched(network, teacher, example_inputs(model)) if self.features else None
        loss = softened(pair[1] if pair else teacher, model, self.temperature, metric)
        if taught < 1:
            loss = mixed(supervised(metric), loss, taught)
        return (Lesson(followed(loss, *pair, self.features), judge, pair[0]), pair[0].watches) if pair else (Lesson(loss, judge), 0)

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
