"""The shapes of MLPerf Tiny's four networks in PyTorch, with weights drawn at random, not trained.

Batch norms have the statistics of noise. After Banbury et al. 2021, "MLPerf Tiny Benchmark" (arXiv:2106.07597): a DS-CNN for keyword
spotting, a ResNet-8 for image classification, a MobileNetV1 of a quarter of the width for visual wake words, and a fully connected
autoencoder for anomaly detection.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

SHAPES = {"keywords": (1, 49, 10), "images": (3, 32, 32), "wakewords": (3, 96, 96), "anomalies": (640,)}


def _conv(inputs: int, outputs: int, kernel: int | tuple[int, int], stride: int | tuple[int, int] = 1, groups: int = 1) -> nn.Sequential:
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    layer = nn.Conv2d(inputs, outputs, kernel, stride, (height // 2, width // 2), groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


def _settled(network: nn.Module, name: str) -> nn.Module:
    """The network with the batch norms' statistics taken from noise, so that signals neither vanish nor grow."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.momentum = None
    with torch.no_grad():
        network.train()(torch.randn(256, *SHAPES[name]))
    return network.eval()


class Head(nn.Module):
    """Averages over the picture, then one linear layer."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.mean((2, 3)))


def keywords() -> nn.Module:
    torch.manual_seed(0)
    blocks = [nn.Sequential(_conv(64, 64, 3, groups=64), _conv(64, 64, 1)) for _ in range(4)]
    return _settled(nn.Sequential(_conv(1, 64, (10, 4), 2), *blocks, Head(64, 12)), "keywords")


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _conv(inputs, outputs, 3, stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        self.short = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(self.first(x)) + self.short(x))


def images() -> nn.Module:
    torch.manual_seed(0)
    return _settled(nn.Sequential(_conv(3, 16, 3), Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 64, 2), Head(64, 10)), "images")


def wakewords() -> nn.Module:
    torch.manual_seed(0)
    widths = (
        (8, 16, 1),
        (16, 32, 2),
        (32, 32, 1),
        (32, 64, 2),
        (64, 64, 1),
        (64, 128, 2),
        *((128, 128, 1),) * 5,
        (128, 256, 2),
        (256, 256, 1),
    )
    blocks = [nn.Sequential(_conv(i, i, 3, stride, groups=i), _conv(i, o, 1)) for i, o, stride in widths]
    return _settled(nn.Sequential(_conv(3, 8, 3, 2), *blocks, Head(256, 2)), "wakewords")


def anomalies() -> nn.Module:
    torch.manual_seed(0)
    sizes = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128)
    layers = [nn.Sequential(nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU()) for i, o in pairwise(sizes)]
    return _settled(nn.Sequential(*layers, nn.Linear(128, 640)), "anomalies")


if __name__ == "__main__":
    for name, shape in SHAPES.items():
        samples = np.random.default_rng(0).normal(size=(600, *shape)).astype(np.float32)
        np.savez(Path(sys.argv[1]) / f"{name}.npz", x=samples)
