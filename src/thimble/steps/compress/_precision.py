"""How a network is trained fastest on this processor: the layout of its tensors, and bfloat16 where that is measured to pay.

Only heavy work imports this module.
"""

from __future__ import annotations

import contextlib
import copy
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from thimble.core.model import named_outputs
from thimble.core.processor import features

BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")
"""Instruction sets that compute in bfloat16; without one it is emulated, tens of times slower."""
PAYS = 1.3
"""How many times faster bfloat16 must be to be taken."""
SLOW_S = 0.03
"""Seconds of a step below which there is nothing to gain by it."""
TRIES = 3


@dataclass(frozen=True)
class Precision:
    """``channels_last`` is a layout of image tensors, ``half`` computing in bfloat16 with weights in FP32."""

    channels_last: bool = False
    half: bool = False

    @property
    def name(self) -> str:
        """In words."""
        return f"{'bfloat16' if self.half else 'float32'}{', channels last' if self.channels_last else ''}"

    def context(self) -> Any:
        """What forward passes run under."""
        return torch.autocast("cpu", torch.bfloat16) if self.half else contextlib.nullcontext()

    def laid_out(self, x: Tensor) -> Tensor:
        """An input in this layout."""
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last and x.ndim == 4 else x


def fastest(network: nn.Module, inputs: tuple[Tensor, ...], place: Path, asked: str = "auto") -> Precision:
    """Choose for a network, and lay out its weights. ``place`` keeps the choice: the same training computes alike when it is resumed.

    Channels last wherever there are 2-D convolutions; bfloat16 where it is ``asked`` for, and with ``auto`` where this processor has
    it, a step takes longer than `SLOW_S`, and a few steps are faster by it.
    """
    images = inputs[0].ndim == 4 and any(isinstance(module, nn.Conv2d) for module in network.modules())
    plain = Precision(images)
    if images:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if asked != "auto":
        return Precision(images, asked == "bfloat16")
    kept = place / "precision"
    if kept.exists():
        return Precision(images, kept.read_text() == "bfloat16")
    half = False
    if set(features()) & set(BFLOAT16):
        x = (plain.laid_out(inputs[0]), *inputs[1:])
        with contextlib.suppress(RuntimeError):  # an operator without bfloat16
            seconds = _seconds(network, x, plain)
            half = seconds > SLOW_S and seconds > PAYS * _seconds(network, x, Precision(images, True))
    place.mkdir(parents=True, exist_ok=True)
    kept.write_text("bfloat16" if half else "float32")
    return Precision(images, half)


def _seconds(network: nn.Module, inputs: tuple[Tensor, ...], precision: Precision) -> float:
    """The least time of a forward and a backward pass."""
    tried, least = copy.deepcopy(network).train(), float("inf")
    for _ in range(TRIES + 1):  # the first one prepares
        begun = time.perf_counter()
        with precision.context():
            outputs = named_outputs(tried(*inputs))
        torch.stack([output.float().square().mean() for output in outputs.values() if output.requires_grad]).sum().backward()
        least = min(least, time.perf_counter() - begun)
    return least
