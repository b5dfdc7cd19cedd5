"""Random weights with sane statistics for torchvision's models.

Batch norms get the mean and variance that their inputs really have, for images and for noise, so that activations
neither vanish nor explode; a channel that hardly varies is not blown up.
ConvNeXt's layer scales, which start at one millionth, are raised, so that its blocks take part.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from zoo_data import SIZES, images

from thimble.core.errors import BadInput
from thimble.models import import_torchvision


def sane(network: nn.Module, x: torch.Tensor) -> None:
    """Give the network's batch norms the statistics of ``x`` and of as much noise."""
    x = torch.cat([x, torch.randn_like(x)])
    norms = [m for m in network.eval().modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
        norm.train()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("layer_scale"):
                parameter.fill_(0.1)
        network(x)
        for norm in norms:
            norm.running_var.clamp_(min=0.1 * float(norm.running_var.mean()) + 1e-3)
    network.eval()


def written(name: str, file: Path, sizes: Sequence[int] = SIZES) -> int:
    """Write a state dict; gives the first of the sizes that the network takes."""
    models = import_torchvision().models
    segments = name in models.list_models(module=models.segmentation)
    for size in sizes:
        x = torch.from_numpy(next(iter(next(iter(images(size).split("calibration").batches(16))).inputs.values())))
        torch.manual_seed(0)
        settings = {"image_size": size} if name.startswith("vit_") else {}
        network = models.get_model(name, weights=None, **settings, **({"weights_backbone": None} if segments else {}))
        try:
            sane(network, x)
        except (RuntimeError, ValueError, AssertionError):
            continue
        torch.save(network.state_dict(), file)
        return size
    raise BadInput(f"{name} takes none of the sizes {sizes}")
