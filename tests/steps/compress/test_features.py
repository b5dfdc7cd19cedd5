"""What a network computes on its way is taught, too."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from thimble.core.model import Model, example_inputs
from thimble.core.step import Context
from thimble.steps.compress._blocks import blocks, traced, without
from thimble.steps.compress._features import unlike, watched
from thimble.steps.compress.finetune import Finetune


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.norm(self.conv(x)))


class Stages(nn.Module):
    """Two stages of three blocks, and a dropout that only training sees."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.one = nn.Sequential(*(Residual(8) for _ in range(3)))
        self.down = nn.Conv2d(8, 16, 3, 2, 1)
        self.two = nn.Sequential(*(Residual(16) for _ in range(3)))
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.two(functional.relu(self.down(self.one(functional.relu(self.stem(x))))))
        return self.head(functional.dropout(x.mean((2, 3)), 0.5, self.training))


class Counts(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if bool(x.sum() > 0) else -x


@pytest.fixture
def stages() -> Stages:
    torch.manual_seed(0)
    return Stages().eval()


X = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def test_the_ends_of_the_stages_are_watched_whatever_blocks_are_gone(stages: Stages) -> None:
    graph = traced(stages, (X,))
    shorter = copy.deepcopy(without(graph, [blocks(graph)[i] for i in (2, 5)]))
    pair = watched(shorter, stages, (X,))
    assert pair
    ours, theirs = pair
    assert torch.equal(theirs(X), stages(X))
    assert [tuple(one.shape) for one in theirs.seen] == [(5, 8, 16, 16), (5, 16, 8, 8)]
    ends: list[Tensor] = []
    for stage in (stages.one, stages.two):
        stage.register_forward_hook(lambda module, given, made: ends.append(made))
    stages(X)
    assert all(torch.equal(seen, end) for seen, end in zip(theirs.seen, ends, strict=True)), "the last values of their shapes"
    shorter.eval()
    assert torch.equal(ours(X), shorter(X))
    assert unlike(ours, theirs) > 0


def test_the_watched_network_is_the_network_dropout_of_training_included(stages: Stages) -> None:
    ours, theirs = watched(copy.deepcopy(stages), stages, (X,)) or pytest.fail("nothing is watched")
    answers = {float(ours(X).sum()) for _ in range(4)}
    theirs(X)
    assert len(answers) == 4, "dropout is on"
    assert float(unlike(ours, theirs)) == 0.0, "the same network computes the same on its way"
    same = copy.deepcopy(stages)
    ours, _ = watched(same, stages, (X,)) or pytest.fail("nothing is watched")
    with torch.no_grad():
        same.down.weight.zero_()
    assert not ours.graph.get_parameter("down.weight").any(), "its weights are the network's own"


def test_networks_that_cant_be_traced_or_have_no_shape_in_common_are_not_watched(stages: Stages) -> None:
    assert watched(Counts(), stages, (X,)) is None
    assert watched(nn.Sequential(nn.Flatten(), nn.Linear(768, 4)), stages, (X,)) is None


def test_what_is_computed_on_the_way_comes_nearer_and_without_weight_is_left_alone(tiny: Model, context: Context, tmp_path: Path) -> None:
    changed = copy.deepcopy(tiny.payload)
    with torch.no_grad():
        for parameter in changed.parameters():
            parameter.add_(0.3 * parameter.std() * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    model, here = tiny.becoming(changed), replace(context, teacher=tiny)

    def trained(weight: float) -> tuple[float, int]:
        place = replace(here, scratch=tmp_path / f"{weight:g}")
        made = Finetune(samples=3000, augment="none", precision="float32", features=weight).apply(model, place)
        pair = watched(made.payload, tiny.payload, example_inputs(tiny))
        assert pair
        x = torch.randn(64, *example_inputs(tiny)[0].shape[1:], generator=torch.Generator().manual_seed(2))
        made.payload.eval()
        for one in pair:
            one(x)
        return float(unlike(*pair)), made.notes["features"]

    taught, alone = trained(10.0), trained(0.0)
    assert taught[0] < 0.7 * alone[0]
    assert taught[1] > 0 == alone[1]
