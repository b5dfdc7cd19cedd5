"""The one training loop: AdamW, a schedule that may end at any point, and a state from which a longer training continues.

Only heavy work imports this module. The rate warms up, holds, and falls over the last part of the steps, so that two trainings of
different lengths are the same until the shorter one's rate falls: Hägele et al. 2024, "Scaling Laws and Compute-Optimal Training
Beyond Fixed Training Durations" (arXiv:2405.18392).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from thimble.core.errors import StepFailed
from thimble.core.model import Model, named_outputs
from thimble.core.step import Context
from thimble.steps.compress._augment import Augment, confirmed, suited
from thimble.steps.compress._batch_norms import settle, unsettled
from thimble.steps.compress._features import Watched, unlike
from thimble.steps.compress._precision import fastest
from thimble.steps.compress._reading import Reader, ahead, divided, order_of, tensors_of, train_split
from thimble.steps.compress._states import State, latest, load, save

Loss = Callable[[dict[str, Tensor], Tensor | None, dict[str, Tensor]], Tensor]
"""From outputs, targets and inputs (all batched) to one number."""

SETTLING = 30
"""Most batches that estimate the statistics of batch normalisations again: two thousand samples in batches of 64."""
WARM = 20
"""Steps in which the rate rises."""
FALLS = 0.4
"""Share of the steps in which it falls."""
CHECKS, SEEN_BETWEEN = 6, 4
"""Times that the held-out samples are looked at, at most; and how many times as many samples are learned from between two looks."""
AVERAGED = 0.99
"""What the average of the weights keeps of itself at each step, after its first ones."""
RESTARTS = 3
LOWER = 3.0
"""What the rate is divided by when training diverges."""
SAVED_S = 60.0
"""Seconds between two states on disk."""


@dataclass(frozen=True)
class Schedule:
    """How long and how hard to train: ``samples`` seen in all (``epochs`` of the split where there are none)."""

    epochs: int
    learning_rate: float
    batch_size: int
    samples: int | None = None
    precision: str = "auto"
    weight_decay: float = 0.05

    def steps(self, split: int) -> int:
        """Batches in all, one at least, for a split of so many samples."""
        size = min(self.batch_size, split)
        return max(1, self.samples // size if self.samples else self.epochs * max(1, split // size))

    def rate(self, step: int, steps: int) -> float:
        """The learning rate at a step: it falls as one minus the square root of the part that has passed."""
        falling = math.ceil(FALLS * steps)
        part = (step - (steps - falling)) / falling
        return self.learning_rate * min(1.0, (step + 1) / WARM) * (1 - math.sqrt(part) if part > 0 else 1.0)


@dataclass(frozen=True)
class Lesson:
    """What is learned: the loss, and the network that judges which changes of samples leave their meaning (``None``: none are made).

    ``runs`` runs the network in training, with its weights, where the loss needs more of it than its outputs.
    """

    loss: Loss
    judge: nn.Module | None = None
    runs: nn.Module | None = None


def train(network: nn.Module, model: Model, lesson: Lesson, schedule: Schedule, context: Context) -> dict[str, Any]:
    """Train ``network`` in place on the train split; it comes back in evaluation mode, with denormal weights flushed.

    Goes on from the state in ``context.scratch`` after an interruption, and from a shorter training's in ``context.trail``. A part of
    the split is looked at (`divided`): of the weights at the end, their moving average and those at the start, the best there are
    kept. Gives notes: ``samples_seen`` in all, ``samples_trained`` in this run and ``samples_per_second``, ``precision``,
    ``augmented``, ``kept``, ``learning_rate``, and ``curve``: samples seen, training loss and the loss of what is looked at. A loss that
    is no number starts the training again at a third of the rate, with the samples that are left.
    """
    training = _Training(network, model, lesson, schedule, context)
    return training.carry_out()


@dataclass
class _Training:
    """One training of one network."""

    network: nn.Module
    model: Model
    lesson: Lesson
    schedule: Schedule
    context: Context
    curve: list[list[float | None]] = field(default_factory=list)
    done: int = 0

    def __post_init__(self) -> None:
        split = train_split(self.context)
        self.reader, self.seed = Reader(split), self.context.seed
        self.learned, self.held = divided(len(split), self.seed)
        self.size = min(self.schedule.batch_size, len(self.learned))
        self.steps = self.schedule.steps(len(self.learned))
        place = self.context.trail or self.context.scratch
        self.precision = fastest(self.network, self._inputs(self.learned[: self.size]), place, self.schedule.precision)
        self.augment = self._augment()

    def carry_out(self) -> dict[str, Any]:
        begun = copy.deepcopy(self.network.state_dict())
        first, steps = self._held_out_loss(), self.steps
        state, restarts = self._resumed(), 0
        resumed, began = state.step, time.monotonic()
        while not self._train(state, steps):
            restarts += 1
            steps -= self.done
            if restarts > RESTARTS or steps < 1:
                rate = self.schedule.learning_rate
                raise StepFailed(f"training diverged {restarts} times; the last rate was {rate:g}: lower learning_rate")
            self.network.load_state_dict(begun)
            self.schedule = replace(self.schedule, learning_rate=self.schedule.learning_rate / LOWER)
            state = self._fresh()
        pace = (self.steps - resumed) * self.size / max(time.monotonic() - began, 1e-6)
        kept = self._best(state, first, begun)
        self.network.eval()
        flush_denormals(self.network)
        return {
            "samples_seen": self.steps * self.size,
            "samples_trained": (self.steps - resumed) * self.size,
            "samples_per_second": float(f"{pace:.3g}"),
            "precision": self.precision.name,
            "augmented": list(self.augment.names),
            "kept": kept,
            "learning_rate": self.schedule.learning_rate,
            "curve": self.curve,
            **({"restarts": restarts} if restarts else {}),
        }

    def _train(self, state: State, steps: int) -> bool:
        """All steps from a state on; whether the loss stayed a number."""
        context, schedule, total = self.context, self.schedule, 0.0
        hold, checks = steps - math.ceil(FALLS * steps), max(1, steps // CHECKS, SEEN_BETWEEN * len(self.held) // self.size)
        saved, counted = time.monotonic(), 0
        self.network.train()
        for step, (inputs, targets) in self._batches(state.step, steps):
            if step == hold and steps == self.steps and context.trail:
                save(context.trail / f"{step}.pt", state, self.network, self.curve)
            torch.manual_seed(self.seed * 1_000_003 + step)
            for group in state.optimizer.param_groups:
                group["lr"] = schedule.rate(step, steps)
            value = self._loss(inputs, targets)
            self.done = step + 1
            if not torch.isfinite(value):
                return False
            state.optimizer.zero_grad()
            value.backward()
            state.optimizer.step()
            state.follow(self.network, min(AVERAGED, (1 + step) / (10 + step)))
            state.step, total, counted = step + 1, total + value.item(), counted + 1
            if state.step % checks == 0 or state.step == steps:
                self.curve.append([state.step * self.size, round(total / counted, 5), self._held_out_loss()])
                total, counted, saved = 0.0, 0, -SAVED_S
            if time.monotonic() - saved > SAVED_S:
                save(context.scratch / "state.pt", state, self.network, self.curve)
                saved = time.monotonic()
            context.progress(state.step / steps, f"sample {state.step * self.size} of {steps * self.size}, loss {value.item():.3f}")
        return True

    def _loss(self, inputs: dict[str, Tensor], targets: Tensor | None) -> Tensor:
        with self.precision.context():  # a teacher answers in it, too
            outputs = named_outputs((self.lesson.runs or self.network)(*(inputs[spec.name] for spec in self.model.inputs)))
            full = {name: output.float() if output.is_floating_point() else output for name, output in outputs.items()}
            return self.lesson.loss(full, targets, inputs).float()

    def _batches(self, first: int, steps: int) -> Iterator[tuple[int, tuple[dict[str, Tensor], Tensor | None]]]:
        """Each step's inputs and targets, changed by the augmentation, read ahead."""

        def read() -> Iterator[tuple[int, tuple[dict[str, Tensor], Tensor | None]]]:
            for step, chosen in order_of(self.learned, self.seed, first, steps, self.size):
                inputs, targets = tensors_of(self.reader.take(chosen), self.model)
                name = self.model.inputs[0].name
                inputs[name] = self.precision.laid_out(self.augment(inputs[name], self.seed * 1_000_003 + step))
                yield step, (inputs, targets)

        return ahead(read())

    def _inputs(self, chosen: Any) -> tuple[Tensor, ...]:
        inputs, _ = tensors_of(self.reader.take(chosen), self.model)
        return tuple(inputs[spec.name] for spec in self.model.inputs)

    def _augment(self) -> Augment:
        task = self.context.task
        names = suited(self.model, task is not None and task.preprocess is not None) if self.lesson.judge else ()
        return confirmed(names, self.lesson.judge, self._inputs(self.learned[:256])[0]) if names and self.lesson.judge else Augment()

    def _fresh(self) -> State:
        optimizer = torch.optim.AdamW(_decayed(self.network, self.schedule.weight_decay), lr=self.schedule.learning_rate, fused=True)
        return State(0, optimizer, copy.deepcopy(self.network).requires_grad_(False))

    def _resumed(self) -> State:
        """The state after an interruption, else a shorter training's, else a new one."""
        state = self._fresh()
        hold = self.steps - math.ceil(FALLS * self.steps)
        own = self.context.scratch / "state.pt"
        path = own if own.exists() else latest(self.context.trail, hold)
        if path:
            self.curve = load(path, state, self.network)
        return state

    def _held_out_loss(self) -> float | None:
        """The loss on the held-out samples, in evaluation mode; `None` where none are held out."""
        if not len(self.held):
            return None
        trained = self.network.training
        self.network.eval()
        total = 0.0
        for start in range(0, len(self.held), self.size):
            chosen = self.held[start : start + self.size]
            inputs, targets = tensors_of(self.reader.take(chosen), self.model)
            inputs[self.model.inputs[0].name] = self.precision.laid_out(inputs[self.model.inputs[0].name])
            total += self._loss(inputs, targets).item() * len(chosen)  # autograd's record tells losses how outputs end
        self.network.train(trained)
        return round(total / len(self.held), 5)

    def _best(self, state: State, first: float | None, begun: dict[str, Tensor]) -> str:
        """Leave the best weights in the network, and say which these are."""
        if norms := unsettled(self.network, self.steps):
            batches = order_of(self.learned, self.seed + 1, 0, min(SETTLING, max(1, len(self.learned) // self.size)), self.size)
            settle(self.network, norms, (self._inputs(chosen) for _, chosen in batches))
        found = {"start": (first, begun)}
        for name, weights in (("end", copy.deepcopy(self.network.state_dict())), ("average", state.average.state_dict())):
            self.network.load_state_dict(weights)
            found[name] = (self._held_out_loss(), weights)
        if first is None:
            self.network.load_state_dict(found["end"][1])
            return "end"
        name = min(found, key=lambda name: _finite(found[name][0]))
        self.network.load_state_dict(found[name][1])
        return name


def _finite(loss: float | None) -> float:
    return math.inf if loss is None or not math.isfinite(loss) else loss


def mixed(hard: Loss, soft: Loss, share: float) -> Loss:
    """``share`` of the soft loss and the rest of the hard one."""
    return lambda outputs, targets, inputs: share * soft(outputs, targets, inputs) + (1 - share) * hard(outputs, targets, inputs)


def followed(loss: Loss, ours: Watched, theirs: Watched, weight: float) -> Loss:
    """The loss, and so many times what both networks computed last on the way, as far as it lies apart."""
    return lambda outputs, targets, inputs: loss(outputs, targets, inputs) + weight * unlike(ours, theirs)


def flush_denormals(network: nn.Module) -> int:
    """Set weights too small for a normal float to zero, and say how many there were.

    Training grows them; each costs a CPU many times a normal multiplication.
    """
    tiny, flushed = torch.finfo(torch.float32).tiny, 0
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.dtype == torch.float32:
                small = (tensor.abs() < tiny) & (tensor != 0)
                flushed += int(small.sum())
                tensor[small] = 0
    return flushed


def _decayed(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels only, not for biases and batch-norm scales."""
    large = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    small = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": large, "weight_decay": decay}, {"params": small, "weight_decay": 0.0}]
