"""Distillation: a smaller network, the student, learns from the model, its teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import NotApplicable
from thimble.core.model import TORCH, Model, example_inputs, named_outputs
from thimble.core.settings import BatchSize, Epochs, LearningRate, Part, Seen, Temperature
from thimble.core.step import Context


@dataclass(frozen=True)
class Distill:
    """Train ``student`` on the train split against labels and the model's softened outputs.

    ``soft`` is the share of the loss that comes from the teacher, by Kullback-Leibler divergence at ``temperature``;
    the rest is the labels' cross-entropy. ``samples`` (seen in all) takes the place of ``epochs``; ``augment`` is as in
    `finetune`, judged by the model. Hinton, Vinyals and Dean 2015 (arXiv:1503.02531).
    """

    student: str = "torchvision:mobilenet_v2"
    epochs: Epochs = 10
    temperature: Temperature = 3.0
    soft: Part = 0.5
    learning_rate: LearningRate = 2e-3
    batch_size: BatchSize = 32
    samples: Seen | None = None
    augment: str = "auto"
    precision: str = "auto"

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = TORCH
    version: ClassVar[int] = 6
    effects: ClassVar[tuple[str, ...]] = ("train",)
    networks: ClassVar[tuple[str, ...]] = ("student",)
    uses: ClassVar[tuple[str, ...]] = ("train", "seed", "threads")
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"
    lengths: ClassVar[tuple[str, ...]] = ("epochs", "samples")
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"augment": ("auto", "none"), "precision": ("auto", "float32", "bfloat16")}

    def apply(self, model: Model, context: Context) -> Model:
        """The student. Raises `NotApplicable` where its outputs don't fit the teacher's, or there is no data."""
        import torch

        from thimble.steps.compress._losses import softened, supervised
        from thimble.steps.compress._training import Lesson, Schedule, mixed, train
        from thimble.steps.compress.finetune import may_change

        student = context.open_model(self.student)
        example = example_inputs(model)
        with torch.inference_mode():
            wanted = next(iter(named_outputs(model.payload(*example)).values())).shape
            given = next(iter(named_outputs(student.payload(*example)).values())).shape
        if wanted != given:
            raise NotApplicable(f"the student {self.student} gives outputs of shape {tuple(given)}, its teacher of {tuple(wanted)}")
        metric = context.task.metric if context.task else "agreement"
        soft = softened(model.payload, model, self.temperature, metric)
        loss = mixed(supervised(metric), soft, self.soft) if self.soft < 1 else soft
        judge = model.payload if self.augment == "auto" and may_change(metric, self.soft) else None
        schedule = Schedule(self.epochs, self.learning_rate, self.batch_size, self.samples, self.precision)
        notes = train(student.payload, student, Lesson(loss, judge), schedule, context)
        return student.becoming(student.payload, student=self.student, **notes)
