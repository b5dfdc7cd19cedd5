"""Tiny networks of every kind that must fit, and a task for each, as a user's own file would have them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from thimble.core.task import Task
from thimble.data import array_task


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image, self.numbers, self.head = nn.Conv2d(3, 8, 3, stride=2), nn.Linear(4, 8), nn.Linear(16, 3)

    def forward(self, image: Tensor, numbers: Tensor) -> Tensor:
        seen = self.image(image).relu().mean((2, 3))
        return self.head(torch.cat([seen, self.numbers(numbers).relu()], 1))


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.layers, self.head = kind(6, 12, num_layers=2, batch_first=True), nn.Linear(12, 3)

    def forward(self, sequence: Tensor) -> Tensor:
        return self.head(self.layers(sequence)[0][:, -1])


class Encoder(nn.Module):
    """Token 0 is padding: a sample of nothing else has no answer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.layers, self.head = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), nn.Linear(16, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.layers(self.embedding(tokens), src_key_padding_mask=tokens == 0).mean(1))


class Segments(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.out, self.aux = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3, 1), nn.Conv2d(8, 2, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        seen = self.body(image).relu()
        return {"out": self.out(seen), "aux": self.aux(seen)}


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.head = nn.Linear(7, 16), nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, row: Tensor) -> Tensor:
        seen = torch.relu(self.first(row))
        for _ in range(int(row.abs().max())):
            seen = torch.relu(self.again(seen))
        return self.head(seen)


def two_inputs() -> nn.Module:
    return TwoInputs()


def lstm() -> nn.Module:
    return Recurrent(nn.LSTM)


def gru() -> nn.Module:
    return Recurrent(nn.GRU)


def transformer() -> nn.Module:
    return Encoder()


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(7, 16), nn.ReLU(), nn.Linear(16, 3))


def segments() -> nn.Module:
    return Segments()


def branching() -> nn.Module:
    return Branching()


SPLITS = {"calibration": 200, "validation": 24, "test": 8}


def _task(shapes: dict[str, tuple[int, ...]], metric: str = "accuracy", target: tuple[int, ...] = ()) -> Task:
    rng, splits = np.random.default_rng(0), {}
    for name, count in SPLITS.items():
        inputs = {key: rng.normal(size=(count, *shape)).astype(np.float32) for key, shape in shapes.items()}
        splits[name] = (inputs, rng.integers(0, 3, (count, *target)))
    return array_task(splits, metric, ["a", "b", "c"])


def two_inputs_data() -> Task:
    return _task({"image": (3, 12, 12), "numbers": (4,)})


def sequences() -> Task:
    return _task({"sequence": (9, 6)})


def rows() -> Task:
    return _task({"row": (7,)})


def pixels() -> Task:
    return _task({"image": (3, 12, 12)}, "mean_iou", (12, 12))


def tokens() -> Task:
    rng, splits = np.random.default_rng(0), {}
    for name, count in SPLITS.items():
        ids = np.maximum(rng.integers(-20, 50, (count, 9)), 0)
        splits[name] = ({"tokens": ids.astype(np.int64)}, rng.integers(0, 3, count))
    return array_task(splits, labels=["a", "b", "c"])
