"""Changes of samples that leave their meaning as it is: for each kind of data some, and of these what the baseline confirms.

Only heavy work imports this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from thimble.core.model import Model, named_outputs

Change = Callable[[Tensor, torch.Generator], Tensor]

AGREES = 0.85
"""Share of the baseline's decisions that a change must leave as they are to be used."""
ERROR = 0.1
"""For outputs that are no decisions: the squared error over their variance that it may cause."""
SHIFT = 8
"""Images move by up to a part of this many of their sides."""


def shift(x: Tensor, chance: torch.Generator) -> Tensor:
    """Move each image by up to an eighth of its sides, mirrored at the edges. He et al. 2015 (arXiv:1512.03385), section 4.2."""
    high, wide = (max(1, size // SHIFT) for size in x.shape[-2:])
    padded = functional.pad(x, (wide, wide, high, high), mode="reflect")
    rows = torch.randint(0, 2 * high + 1, (len(x),), generator=chance).tolist()
    columns = torch.randint(0, 2 * wide + 1, (len(x),), generator=chance).tolist()
    places = zip(padded, rows, columns, strict=True)
    return torch.stack([image[:, i : i + x.shape[-2], j : j + x.shape[-1]] for image, i, j in places])


def flip(x: Tensor, chance: torch.Generator) -> Tensor:
    """Mirror half of the images from left to right."""
    chosen = torch.rand(len(x), generator=chance) < 0.5
    return torch.where(chosen.reshape(-1, 1, 1, 1), x.flip(-1), x)


def contrast(x: Tensor, chance: torch.Generator) -> Tensor:
    """Change contrast and brightness of each image by up to a fifth of its spread."""
    factor, offset = (0.4 * torch.rand(len(x), 1, 1, 1, generator=chance) - 0.2 for _ in range(2))
    mean, spread = x.mean((1, 2, 3), keepdim=True), x.std((1, 2, 3), keepdim=True)
    return (x - mean) * (1 + factor) + mean + offset * spread


def slide(x: Tensor, chance: torch.Generator) -> Tensor:
    """Move each signal along its last axis by up to a tenth; what leaves at one end comes in at the other."""
    most = max(1, x.shape[-1] // 10)
    moves = torch.randint(-most, most + 1, (len(x),), generator=chance).tolist()
    return torch.stack([one.roll(move, -1) for one, move in zip(x, moves, strict=True)])


def noise(x: Tensor, chance: torch.Generator) -> Tensor:
    """Add noise of a twentieth of each sample's spread."""
    spread = x.flatten(1).std(1).reshape(-1, *[1] * (x.ndim - 1))
    return x + 0.05 * spread * torch.randn(x.shape, generator=chance)


def mask(x: Tensor, chance: torch.Generator) -> Tensor:
    """Set a band of up to an eighth of each of the last two axes to the mean. Park et al. 2019, "SpecAugment" (arXiv:1904.08779)."""
    made = x.clone()
    for i in range(len(x)):
        for axis in (-1, -2):
            size = x.shape[axis]
            width = int(torch.randint(0, max(2, size // 8 + 1), (1,), generator=chance))
            start = int(torch.randint(0, size - width + 1, (1,), generator=chance))
            made[i].narrow(axis, start, width).fill_(float(x[i].mean()))
    return made


def blend(x: Tensor, chance: torch.Generator) -> Tensor:
    """Mix up to a fifth of another row into each. Zhang et al. 2018, "mixup" (arXiv:1710.09412), so little that labels stay."""
    share = 0.2 * torch.rand(len(x), *[1] * (x.ndim - 1), generator=chance)
    return (1 - share) * x + share * x[torch.randperm(len(x), generator=chance)]


@dataclass(frozen=True)
class Augment:
    """Changes by name, applied to the first input of a model one after the other."""

    names: tuple[str, ...] = ()

    def __call__(self, x: Tensor, seed: int) -> Tensor:
        """The changed samples, the same for the same seed."""
        chance = torch.Generator().manual_seed(seed)
        for name in self.names:
            x = CHANGES[name](x, chance)
        return x


CHANGES: dict[str, Change] = {
    "shift": shift, "flip": flip, "contrast": contrast, "slide": slide, "noise": noise, "mask": mask, "blend": blend,
}  # fmt: skip


def suited(model: Model, images: bool) -> tuple[str, ...]:
    """Names of the changes that suit the kind of a model's inputs, by their shape; ``images`` says that they come from files."""
    if len(model.inputs) != 1 or not model.inputs[0].dtype.startswith("float"):
        return ()
    shape = model.inputs[0].shape
    if len(shape) == 4 and all(isinstance(size, int) and size >= SHIFT for size in shape[2:]):
        return ("shift", "flip", "contrast") if images or shape[1] == 3 else ("slide", "mask", "noise")
    return {3: ("slide", "noise"), 2: ("blend",)}.get(len(shape), ())


def confirmed(names: tuple[str, ...], network: nn.Module, x: Tensor) -> Augment:
    """The changes after which a network answers as before on these samples; each is looked at alone."""
    network.eval()
    with torch.no_grad():
        wanted = _first(network, x)
        kept = [name for name in names if _alike(wanted, _first(network, CHANGES[name](x, torch.Generator().manual_seed(0))))]
    return Augment(tuple(kept))


def _first(network: nn.Module, x: Tensor) -> Tensor:
    output: Tensor = next(iter(named_outputs(network(x)).values()))
    return output


def _alike(wanted: Tensor, given: Tensor) -> bool:
    if wanted.ndim == 2 and wanted.shape[1] > 1:
        return float((wanted.argmax(1) == given.argmax(1)).float().mean()) >= AGREES
    return float(functional.mse_loss(given, wanted)) <= ERROR * float(wanted.var().clamp_min(1e-12))
