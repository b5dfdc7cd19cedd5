"""A group that can't lose channels is left alone and named; the rest is pruned, and the network still runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.steps.compress.prune_channels import PruneChannels


class Sliced(nn.Module):
    """One half of the channels, cut at a constant place, goes through a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.part = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.wide, self.head = nn.Conv2d(32, 48, 3, padding=1), nn.Linear(48, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.cat([self.part(x[:, :16]), x[:, 16:]], 1)
        return self.head(torch.relu(self.wide(x)).mean((2, 3)))


class Viewed(Sliced):
    """Channels are shuffled through a view of constant sizes."""

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        x = x.view(len(x), 2, 16, 16, 16).transpose(1, 2).reshape(len(x), 32, 16, 16)
        return self.head(torch.relu(self.wide(x)).mean((2, 3)))


class Shuffled(nn.Module):
    """A pixel shuffle behind a grouped convolution with a group norm."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 32, 3, padding=1), nn.GroupNorm(4, 32)
        self.grouped, self.wide = nn.Conv2d(32, 32, 3, padding=1, groups=4), nn.Conv2d(32, 64, 3, padding=1)
        self.up, self.free, self.head = nn.PixelShuffle(2), nn.Conv2d(16, 48, 3, padding=1), nn.Linear(48, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.grouped(torch.relu(self.norm(self.stem(x)))))
        return self.head(torch.relu(self.free(self.up(self.wide(x)))).mean((2, 3)))


@pytest.mark.parametrize(("network", "left"), [(Sliced, "part"), (Viewed, "stem"), (Shuffled, "wide")])
def test_what_can_be_pruned_is_and_the_rest_is_named(network: type[nn.Module], left: str, context: Context) -> None:
    torch.manual_seed(0)
    model = Model("torch", network().eval(), (TensorSpec("x", (None, 3, 16, 16)),), ("output",))
    pruned = PruneChannels(0.5).apply(model, context)
    assert pruned.notes["left_unpruned"] == [left]
    assert pruned.notes["left_reason"]
    assert pruned.notes["parameters_after"] < 0.75 * pruned.notes["parameters_before"]
    assert dict(pruned.payload.named_modules())[left].weight.shape[0] == dict(model.payload.named_modules())[left].weight.shape[0]
    assert pruned.payload(torch.ones(2, 3, 16, 16)).shape == (2, 4)
    assert sum(p.numel() for p in model.payload.parameters()) == pruned.notes["parameters_before"]


def test_a_network_of_such_groups_only_says_which(context: Context) -> None:
    class Only(Viewed):
        def __init__(self) -> None:
            super().__init__()
            self.part, self.wide, self.head = nn.Identity(), nn.Identity(), nn.Linear(32, 4)

    model = Model("torch", Only().eval(), (TensorSpec("x", (None, 3, 16, 16)),), ("output",))
    with pytest.raises(NotApplicable, match=r"no layer of this model has channels that can be removed: stem can't \(shape"):
        PruneChannels(0.5).apply(model, context)


def test_channels_are_ranked_by_what_the_loss_needs_where_that_is_asked(context: Context) -> None:
    class Half(nn.Module):
        """The channels with the largest weights reach nothing: only gradients tell."""

        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3), nn.Linear(4, 10)
            with torch.no_grad():
                self.first.weight[:4] *= 10
                self.second.weight[:, :4] = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu(self.second(torch.relu(self.first(x)))).mean((2, 3)))

    torch.manual_seed(0)
    model = Model("torch", Half().eval(), (TensorSpec("x", (None, 3, 16, 16)),), ("output",))
    made = PruneChannels(0.5, importance="taylor").apply(model, context)
    assert made.notes["importance"] == "taylor"
    assert torch.equal(made.payload.first.weight, model.payload.first.weight[4:]), "what nothing reads was kept"
    assert all(parameter.grad is None for parameter in made.payload.parameters())
    without_data = PruneChannels(0.5).apply(model, replace(context, task=None))
    assert without_data.notes["importance"] == "magnitude"
    assert torch.equal(without_data.payload.first.weight, model.payload.first.weight[:4])
    with pytest.raises(NotApplicable, match="needs calibration data"):
        PruneChannels(0.5, importance="taylor").apply(model, replace(context, task=None))


def test_groups_compete_where_they_are_asked_to(tiny: Model, context: Context) -> None:
    def widths(made: Model) -> list[float]:
        layers = [module for module in made.payload.modules() if isinstance(module, nn.Conv2d)]
        before = [module for module in tiny.payload.modules() if isinstance(module, nn.Conv2d)]
        return [one.out_channels / other.out_channels for one, other in zip(layers, before, strict=True)]

    uniform, together = (PruneChannels(0.5, allocation=how).apply(tiny, context) for how in ("uniform", "global"))
    assert set(widths(uniform)) == {0.5}
    assert len(set(widths(together))) > 1
    assert min(widths(together)) >= 0.18
