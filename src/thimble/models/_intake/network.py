"""Networks in memory: parametrizations baked into plain weights, 16-bit weights widened, and randomness found out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

SAME_DB = 40.0
"""Agreement of a network with itself below which its answers are not its inputs' alone; exporters ask for as much."""


def baked(network: nn.Module) -> str | None:
    """Replace weights that are computed at each call (``weight_norm``, ``spectral_norm``, any parametrization) by their values.

    PyTorch can't pickle parametrized modules, and pruning and quantization look for weights. In place.
    """
    from torch.nn.utils import parametrize, remove_spectral_norm, remove_weight_norm
    from torch.nn.utils.spectral_norm import SpectralNorm
    from torch.nn.utils.weight_norm import WeightNorm

    count = 0
    for module in network.modules():
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)
                count += 1
        for hook in list(module._forward_pre_hooks.values()):
            if isinstance(hook, WeightNorm):
                remove_weight_norm(module, hook.name)
            elif isinstance(hook, SpectralNorm):
                remove_spectral_norm(module, hook.name)
            else:
                continue
            count += 1
    return f"{count} computed weight{'s' * (count > 1)} (weight norm and the like) replaced by their values" if count else None


def widened(network: nn.Module) -> str | None:
    """Make 16-bit weights and buffers 32-bit, in place: processors compute in FP32, and every technique begins there."""
    import torch

    halves = (torch.float16, torch.bfloat16)
    found = {str(tensor.dtype).removeprefix("torch.") for tensor in network.state_dict().values() if _dtype(tensor) in halves}
    if not found:
        return None
    for module in network.modules():
        for tensor in (*module._parameters.values(), *module._buffers.values()):
            if tensor is not None and tensor.dtype in halves:
                tensor.grad = None  # left over from a training, and of the old type
                tensor.data = tensor.data.float()
    return f"weights widened from {' and '.join(sorted(found))} to FP32"


def same_db(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    """How well two answers to the same input agree, in dB, over all outputs that are real numbers."""
    signal = noise = 0.0
    for name, tensor in first.items():
        other = second.get(name)
        if other is None or other.shape != tensor.shape:
            return -math.inf
        if tensor.is_floating_point():
            signal += float(tensor.double().square().sum())
            noise += float((tensor.double() - other.double()).square().sum())
    return math.inf if noise == 0 else 10 * math.log10(max(signal, 1e-300) / noise)


def _dtype(value: Any) -> Any:
    return getattr(value, "dtype", None)
