"""The one training loop: AdamW on a one-cycle schedule, a checkpoint each epoch, and progress on the way.

Only heavy work imports this module. Source of the schedule: Smith and Topin 2019, "Super-Convergence"
(arXiv:1708.07120), as ``torch.optim.lr_scheduler.OneCycleLR`` has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import Model, fed, named_outputs
from thimble.core.step import Context
from thimble.core.task import Batch, Split
from thimble.steps.compress._batch_norms import settle, unsettled

Loss = Callable[[dict[str, Tensor], Tensor | None, dict[str, Tensor]], Tensor]
"""From outputs, targets and inputs (all batched) to one number."""

IN_MEMORY = 4_000_000_000
"""Bytes of inputs that may be held in memory when a split can't be read in any order."""

SETTLING = 100
"""Batches, at most, from which batch normalisations take their statistics anew."""


@dataclass(frozen=True)
class Schedule:
    """How long and how hard to train."""

    epochs: int
    learning_rate: float
    batch_size: int
    weight_decay: float = 0.05


def train(network: nn.Module, model: Model, loss: Loss, schedule: Schedule, context: Context) -> nn.Module:
    """Train ``network`` in place on the train split and return it in evaluation mode, with denormal weights flushed.

    Goes on from ``context.scratch``'s checkpoint where there is one. ``model`` tells the order of the inputs. After a
    training that is short for its batch normalisations, their statistics are taken anew from the train split.
    """
    split = _train_split(context)
    torch.manual_seed(context.seed)
    shuffle = np.random.default_rng(context.seed)
    batches = max(1, len(split) // schedule.batch_size)
    optimizer = torch.optim.AdamW(_decayed(network, schedule.weight_decay), lr=schedule.learning_rate, fused=True)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, schedule.learning_rate, total_steps=schedule.epochs * batches, pct_start=0.25)
    parts = {"network": network, "optimizer": optimizer, "rates": rates}
    checkpoint = context.scratch / "checkpoint.pt"
    begun = _resume(checkpoint, parts)
    reader = _Reader(split)
    for epoch in range(schedule.epochs):
        order = shuffle.permutation(len(split))
        if epoch < begun:
            continue
        network.train()
        for i, batch in enumerate(reader.batches(order, schedule.batch_size, batches)):
            inputs, targets = _tensors(batch, model)
            outputs = named_outputs(network(*(inputs[spec.name] for spec in model.inputs)))
            value = loss(outputs, targets, inputs)
            if not torch.isfinite(value):
                rate = schedule.learning_rate
                raise StepFailed(f"training diverged: the loss became {value.item()} in epoch {epoch + 1}; lower learning_rate ({rate:g})")
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            rates.step()
            done = (epoch * batches + i + 1) / (schedule.epochs * batches)
            context.progress(done, f"epoch {epoch + 1} of {schedule.epochs}, loss {value.item():.3f}")
        _save(checkpoint, parts, epoch + 1)
    if norms := unsettled(network, schedule.epochs * batches):
        again = reader.batches(shuffle.permutation(len(split)), schedule.batch_size, min(batches, SETTLING))
        settle(network, norms, (tuple(_tensors(batch, model)[0][spec.name] for spec in model.inputs) for batch in again))
    network.eval()
    flush_denormals(network)
    return network


def mixed(hard: Loss, soft: Loss, share: float) -> Loss:
    """``share`` of the soft loss and the rest of the hard one."""
    return lambda outputs, targets, inputs: share * soft(outputs, targets, inputs) + (1 - share) * hard(outputs, targets, inputs)


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


def _train_split(context: Context) -> Split:
    if context.task is None:
        raise NotApplicable("there is no data to train on")
    return context.task.split("train")


def _decayed(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels only, not for biases and batch-norm scales."""
    large = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    small = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": large, "weight_decay": decay}, {"params": small, "weight_decay": 0.0}]


class _Reader:
    """Reads a split in any order: by index where it can, else from memory."""

    def __init__(self, split: Split) -> None:
        self._take: Callable[[Any], Batch] | None = getattr(split, "take", None)
        self._all = None if self._take else _in_memory(split)

    def batches(self, order: Any, size: int, count: int) -> Iterator[Batch]:
        """``count`` batches of ``size`` (at least one sample each) in the given order; the rest is left for another epoch."""
        for i in range(count):
            chosen = order[i * size : (i + 1) * size]
            if self._take:
                yield self._take(chosen)
            elif self._all:
                targets = None if self._all.targets is None else self._all.targets[chosen]
                yield Batch({name: array[chosen] for name, array in self._all.inputs.items()}, targets)


def _in_memory(split: Split) -> Batch:
    parts, held = [], 0
    for batch in split.batches(256):
        parts.append(batch)
        held += sum(array.nbytes for array in batch.inputs.values())
        if held > IN_MEMORY:
            raise StepFailed(f"the train split is larger than {IN_MEMORY / 1e9:g} GB and can't be read in random order")
    inputs = {name: np.concatenate([part.inputs[name] for part in parts]) for name in parts[0].inputs}
    targets = None if parts[0].targets is None else np.concatenate([part.targets for part in parts if part.targets is not None])
    return Batch(inputs, targets)


def _tensors(batch: Batch, model: Model) -> tuple[dict[str, Tensor], Tensor | None]:
    inputs = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in fed(batch.inputs, model.inputs).items()}
    return inputs, None if batch.targets is None else torch.from_numpy(np.ascontiguousarray(batch.targets))


def _save(path: Path, parts: dict[str, Any], epoch: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".aside")
    torch.save({"epoch": epoch, "torch_rng": torch.get_rng_state()} | {name: part.state_dict() for name, part in parts.items()}, aside)
    aside.replace(path)


def _resume(path: Path, parts: dict[str, Any]) -> int:
    """Load the checkpoint into the parts and give the number of epochs it has behind it; 0 where there is none."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    torch.set_rng_state(state["torch_rng"])
    return int(state["epoch"])
