"""The five networks of the comparison of runtimes, with weights drawn at random: speed depends on shapes, not on weights.

torchvision's ResNet-18, MobileNetV2 and EfficientNet-B0 at 224 pixels, MLPerf Tiny's DS-CNN for keywords, and a small transformer.
``small()`` shrinks them, to try the script itself.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

SMALL = bool(os.environ.get("RUNTIMES_SMALL"))
PIXELS = 64 if SMALL else 224
SHAPES = {
    "resnet18": (3, PIXELS, PIXELS),
    "mobilenet_v2": (3, PIXELS, PIXELS),
    "efficientnet_b0": (3, PIXELS, PIXELS),
    "keywords": (1, 49, 10),
    "transformer": (64, 96),
}
SAMPLES = 40


def _settled(network: nn.Module, name: str) -> nn.Module:
    """The network with the batch norms' statistics taken from noise, so that signals neither vanish nor grow."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
    with torch.no_grad():
        network.train()(torch.randn(16, *SHAPES[name]))
    return network.eval()


def _torchvision(name: str) -> nn.Module:
    from thimble.fetch.torchvision_import import import_torchvision

    torch.manual_seed(0)
    return _settled(getattr(import_torchvision().models, name)(weights=None), name)


def resnet18() -> nn.Module:
    return _torchvision("resnet18")


def mobilenet_v2() -> nn.Module:
    return _torchvision("mobilenet_v2")


def efficientnet_b0() -> nn.Module:
    return _torchvision("efficientnet_b0")


def keywords() -> nn.Module:
    place = Path(__file__).parents[1] / "microcontrollers" / "networks.py"
    spec = importlib.util.spec_from_file_location("micro_networks", place)
    assert spec
    assert spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network: nn.Module = module.keywords()
    return network


class Block(nn.Module):
    """Attention with four heads and a layer of four times the width, each after a layer norm."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.wide = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        y = self.first(x)
        q, k, v = (
            part(y).reshape(batch, length, self.heads, width // self.heads).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        weights = torch.softmax(q @ k.transpose(2, 3) / (width // self.heads) ** 0.5, -1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))
        return x + self.wide(self.second(x))


class Transformer(nn.Module):
    """Four blocks over 64 vectors, their mean, ten classes."""

    def __init__(self, width: int = 96, blocks: int = 4) -> None:
        super().__init__()
        self.blocks, self.norm, self.head = nn.Sequential(*(Block(width) for _ in range(blocks))), nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.blocks(x)).mean(1))


def transformer() -> nn.Module:
    torch.manual_seed(0)
    return Transformer().eval()


def samples(name: str, folder: Path) -> Path:
    """Noise of the network's shape, the same each time."""
    path = folder / f"{name}.npz"
    if not path.exists():
        np.savez(path, x=np.random.default_rng(0).normal(size=(SAMPLES * 5, *SHAPES[name])).astype(np.float32))
    return path
