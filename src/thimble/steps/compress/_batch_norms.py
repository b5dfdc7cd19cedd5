"""Batch normalisation after a short training: running statistics that have not yet forgotten where they began."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from thimble.core.model import Model
from thimble.core.step import Context
from thimble.steps.compress._calibration import calibration_batches

TOGETHER = 128
"""Samples whose statistics are taken at once."""
REMEMBERED = 1e-5
"""Share of its first value in a running statistic, from which on it is taken anew: a variance that begins at 1 may have to end
at a thousandth."""


def unsettled(network: nn.Module, steps: int) -> list[_BatchNorm]:
    """The layers whose running statistics still hold too much of what they were ``steps`` updates ago.

    Each update keeps ``1 - momentum``. MobileNetV3 and EfficientNet come with a momentum of 0.01: 1,146 updates to forget.
    After 480 of them MobileNetV3-small was right on 14 % of the digits, and with statistics taken anew on 98 %.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    return [norm for norm in norms if norm.momentum is not None and (1 - norm.momentum) ** steps > REMEMBERED]


def settle(network: nn.Module, norms: Sequence[_BatchNorm], batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Give these layers the statistics of ``batches`` (inputs in the network's order); the network comes back in evaluation mode.

    Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm" (arXiv:2105.07576), section 3: precise batch norm. As
    ``torch.optim.swa_utils.update_bn``, but for any number of inputs, and with dropout off.
    """
    network.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    with torch.no_grad():
        for inputs in batches:
            network(*inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()


def settle_again(network: nn.Module, model: Model, context: Context) -> None:
    """Take all statistics again on the calibration split, as `settle` does; nothing without data."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if norms and context.task is not None:
        batches = calibration_batches(model, context, "data", batch_size=TOGETHER)
        settle(network, norms, (tuple(torch.from_numpy(batch[spec.name]) for spec in model.inputs) for batch in batches))
