"""Samples for training: the train split in any order, a part of it held out, read ahead of the network.

Only heavy work imports this module.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from thimble.core.errors import NotApplicable, StepFailed
from thimble.core.model import Model, fed
from thimble.core.step import Context
from thimble.core.task import Batch, Split

T = TypeVar("T")

IN_MEMORY = 4_000_000_000
"""Bytes of inputs that may be held in memory when a split can't be read in any order."""
AHEAD = 2
"""Batches that are read while the network learns."""
HELD_OUT = 0.1
"""Share of the train split that is kept out of training at most, to see how well it goes."""
FEWEST_HELD_OUT, MOST_HELD_OUT = 100, 256
"""Samples that are worth holding out, and the most that are. Holding out 79 of the lab's 797 cost its baseline 0.3 points of accuracy on
the test split, the pruned network 0.5, and the student 2.8 (means of two seeds)."""


def train_split(context: Context) -> Split:
    """The split to learn from. Raises `NotApplicable` without data."""
    if context.task is None:
        raise NotApplicable("there is no data to train on")
    return context.task.split("train")


def divided(samples: int, seed: int) -> tuple[Any, Any]:
    """Positions to learn from and positions to look at, at random; the same for every length of training.

    What is looked at is held out, except in a split too small to spare it: there it shows no more than whether training helps.
    """
    order = np.random.default_rng((seed, 0)).permutation(samples)
    held = min(MOST_HELD_OUT, int(samples * HELD_OUT))
    return order[held if held >= FEWEST_HELD_OUT else 0 :], order[:held]


def order_of(learned: Any, seed: int, first: int, steps: int, size: int) -> Iterator[tuple[int, Any]]:
    """The positions of each batch from step ``first`` to ``steps``: whole epochs in random order, whatever step comes first."""
    in_epoch = max(1, len(learned) // size)
    epoch, shuffled = -1, learned
    for step in range(first, steps):
        if step // in_epoch != epoch:
            epoch = step // in_epoch
            shuffled = learned[np.random.default_rng((seed, 1, epoch)).permutation(len(learned))]
        place = step % in_epoch * size
        yield step, shuffled[place : place + size]


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The items, read by another thread while the caller works; what reading raises is raised here."""
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(AHEAD)
    ended = threading.Event()

    def put(kind: str, value: Any) -> None:
        while not ended.is_set():
            try:
                waiting.put((kind, value), timeout=0.1)
            except queue.Full:
                continue
            return

    def read() -> None:
        try:
            for item in items:
                if ended.is_set():
                    return
                put("item", item)
            put("end", None)
        except BaseException as error:  # handed over to the thread that waits
            put("error", error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        while True:
            kind, value = waiting.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        ended.set()
        thread.join()


class Reader:
    """Reads a split in any order: by index where it can, else from memory."""

    def __init__(self, split: Split) -> None:
        self._take: Callable[[Any], Batch] | None = getattr(split, "take", None)
        self._all = None if self._take else _in_memory(split)

    def take(self, chosen: Any) -> Batch:
        """The samples at these positions."""
        if self._take:
            return self._take(chosen)
        assert self._all
        targets = None if self._all.targets is None else self._all.targets[chosen]
        return Batch({name: array[chosen] for name, array in self._all.inputs.items()}, targets)


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


def tensors_of(batch: Batch, model: Model) -> tuple[dict[str, Tensor], Tensor | None]:
    """Inputs by the model's names, and targets, as tensors."""
    inputs = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in fed(batch.inputs, model.inputs).items()}
    return inputs, None if batch.targets is None else torch.from_numpy(np.ascontiguousarray(batch.targets))
