"""Small networks of kinds that torchvision's classifiers are not, with weights from a seed."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TwoInputs(nn.Module):
    """An image and some numbers, joined before the classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(
            nn.Conv2d(3, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
        )
        self.numbers = nn.Sequential(nn.Linear(3, 32), nn.ReLU())
        self.head = nn.Linear(96, 5)

    def forward(self, image: Tensor, numbers: Tensor) -> Tensor:
        return self.head(torch.cat([self.image(image).flatten(1), self.numbers(numbers)], dim=1))


class Recurrent(nn.Module):
    """Two recurrent layers; the last step is classified."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.layers = kind(16, 64, num_layers=2, batch_first=True)
        self.head = nn.Linear(64, 6)

    def forward(self, sequence: Tensor) -> Tensor:
        return self.head(self.layers(sequence)[0][:, -1])


class Encoder(nn.Module):
    """A transformer encoder on token ids; id 0 is padding and is masked out."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(500, 64)
        self.position = nn.Parameter(torch.randn(20, 64) * 0.1)
        self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 2, enable_nested_tensor=False)
        self.head = nn.Linear(64, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.layers(self.embedding(tokens) + self.position, src_key_padding_mask=tokens == 0)
        return self.head(hidden.mean(dim=1))


class Branching(nn.Module):
    """Takes another way where its input's mean is negative, and repeats a layer as often as the input says."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.head = nn.Linear(13, 32), nn.Linear(32, 32), nn.Linear(32, 3)

    def forward(self, row: Tensor) -> Tensor:
        hidden = torch.relu(self.first(row))
        if row.mean() < 0:
            hidden = -hidden
        for _ in range(int(row.abs().max())):
            hidden = torch.relu(self.again(hidden))
        return self.head(hidden)


def two_inputs() -> nn.Module:
    return TwoInputs()


def lstm() -> nn.Module:
    return Recurrent(nn.LSTM)


def gru() -> nn.Module:
    return Recurrent(nn.GRU)


def transformer() -> nn.Module:
    return Encoder()


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(13, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 3))


def branching() -> nn.Module:
    return Branching()
