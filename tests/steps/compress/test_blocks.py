"""Blocks are found by shapes in the traced graph, whoever wrote the network, and removed in the order of what they matter."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.steps.compress._blocks import blocks, traced, without
from thimble.steps.compress._removal import divergence
from thimble.steps.compress.prune_blocks import PruneBlocks


class Branch(nn.Module):
    """Pre-activation, as transformers are."""

    def __init__(self, size: int, scale: float) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.Linear(2 * size, size)
        nn.init.normal_(self.down.weight, std=scale)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(nn.functional.gelu(self.up(self.norm(x))))


class Plain(nn.Module):
    """No sums at all: convolutions in a row, of which those that keep the shape can go."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, 1, 1, groups=8),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 1),
            nn.ReLU(),
        )
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).mean((2, 3)))


class Residual(nn.Module):
    """Blocks with the activation behind the sum; the scales say which matter."""

    def __init__(self, *scales: float) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.convs = nn.ModuleList(nn.Conv2d(8, 8, 3, 1, 1, bias=False) for _ in scales)
        self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in scales)
        for norm, scale in zip(self.norms, scales, strict=True):
            nn.init.constant_(norm.weight, scale)
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = nn.functional.relu(norm(conv(x)) + x)
        return self.head(x.mean((2, 3)))


def modelled(network: nn.Module) -> Model:
    return Model("torch", network.eval(), (TensorSpec("x", (None, 3, 16, 16)),), ("output",))


IMAGE = (torch.zeros(2, 3, 16, 16),)


def test_blocks_of_every_kind_are_found_and_the_rest_runs() -> None:
    torch.manual_seed(0)
    transformer = nn.Sequential(nn.Linear(6, 4), Branch(4, 1.0), Branch(4, 1.0), nn.Linear(4, 3))
    found = {
        "branches": (transformer, (torch.randn(2, 5, 6),)),
        "plain": (Plain().eval(), IMAGE),
        "residual": (Residual(1, 1, 1).eval(), IMAGE),
    }
    names = {}
    for name, (network, given) in found.items():
        graph = traced(network, given)
        parts = blocks(graph)
        names[name] = [block.name for block in parts]
        for removed in (*([block] for block in parts), parts):
            assert without(graph, removed)(*given).shape == network(*given).shape
    assert names == {"branches": ["1", "2"], "plain": ["layers.2", "layers.5"], "residual": ["convs.0", "convs.1", "convs.2"]}


def test_what_is_left_computes_what_the_network_computes_without_the_block() -> None:
    torch.manual_seed(0)
    network, given = Residual(1, 0.5, 2).eval(), (torch.randn(2, 3, 16, 16),)
    graph = traced(network, given)
    first, second, third = blocks(graph)
    with torch.no_grad():
        x = torch.relu(network.stem(*given))
        wanted = network.head(torch.relu(network.norms[2](network.convs[2](x)) + x).mean((2, 3)))
        for order in ([first, second], [second, first]):
            left = without(graph, order)
            torch.testing.assert_close(left(*given), wanted)
            relus = [node for node in left.graph.nodes if "relu" in str(node.target)]
            assert len(relus) == 2, "a second activation of the same value is left"
        torch.testing.assert_close(without(graph, [third])(*given), network.head(torch.relu(graph_until(network, x, 2)).mean((2, 3))))


def graph_until(network: Residual, x: Tensor, count: int) -> Tensor:
    for conv, norm in list(zip(network.convs, network.norms, strict=True))[:count]:
        x = torch.relu(norm(conv(x)) + x)
    return x


def test_the_block_that_matters_least_goes_first_and_a_chain_goes_on(context: Context) -> None:
    torch.manual_seed(0)
    network = Residual(1.0, 0.01, 3.0, 0.1)
    assert context.task
    images = torch.from_numpy(next(iter(context.task.split("train").batches(256))).inputs["input"])
    for norm in network.norms:
        norm.momentum = None
    network(images)  # statistics that fit, as a trained network's do
    model = modelled(network)
    context = replace(context, teacher=model)
    before = {key: value.clone() for key, value in model.payload.state_dict().items()}
    made = PruneBlocks(2, samples=64).apply(model, context)
    assert made.notes["removed_blocks"] == ["convs.1", "convs.3"]
    assert made.notes["divergence"] == sorted(made.notes["divergence"])
    assert made.notes["blocks_left"] == 2
    assert all(torch.equal(value, before[key]) for key, value in model.payload.state_dict().items())
    assert not torch.equal(made.payload.norms.get_submodule("2").running_mean, before["norms.2.running_mean"]), "statistics are old"
    chained = PruneBlocks(1, samples=64).apply(PruneBlocks(1, samples=64).apply(model, context), context)
    assert chained.notes["removed_blocks"] == ["convs.1", "convs.3"]
    kept = io.BytesIO()
    torch.save(made.payload, kept)
    kept.seek(0)
    again = torch.load(kept, weights_only=False)
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32))
    with torch.no_grad():
        torch.testing.assert_close(again(x), made.payload(x))


def test_a_longer_removal_goes_on_from_a_shorter_one_to_the_same_end(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    model = modelled(Residual(1.0, 0.3, 3.0, 0.1, 0.6, 2.0))
    context = replace(context, teacher=model)
    at_once = PruneBlocks(4, samples=64).apply(model, context).notes
    sharing = replace(context, trail=tmp_path / "trail")
    shorter = PruneBlocks(2, samples=64).apply(model, sharing).notes
    assert shorter["removed_blocks"] == at_once["removed_blocks"][:2]
    assert PruneBlocks(4, samples=64).apply(model, sharing).notes == at_once

    monkeypatch.setattr("thimble.steps.compress._removal.divergence", lambda *given: pytest.fail("the order is known"))
    half = PruneBlocks(samples=64, share=0.5).apply(model, sharing).notes
    assert half["removed_blocks"] == at_once["removed_blocks"][:3]
    assert half["blocks_left"] == 3
    monkeypatch.undo()
    (tmp_path / "trail" / "order.json").write_text("{ half")
    assert PruneBlocks(4, samples=64).apply(model, sharing).notes == at_once, "a damaged order is found anew"


def test_what_has_no_blocks_says_so(tiny: Model, context: Context) -> None:
    with pytest.raises(NotApplicable, match="it has 1: block"):
        PruneBlocks(2).apply(tiny, context)

    class Depends(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(NotApplicable, match=r"torch\.fx can't trace"):
        PruneBlocks().apply(modelled(Depends()), context)
    with pytest.raises(NotApplicable, match="to remove 5% of them"):
        PruneBlocks(share=0.05).apply(modelled(Residual(1, 1)), context)
    with pytest.raises(NotApplicable, match="needs calibration data"):
        PruneBlocks().apply(tiny, replace(context, task=None))


def test_divergence_takes_logits_probabilities_and_values_for_what_they_are() -> None:
    logits, other = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    p, q = logits.softmax(1), other.softmax(1)
    kl = float((p * (p / q).log()).sum(1).mean())
    assert divergence([logits], [other]) == pytest.approx(kl)
    assert divergence([p], [q]) == pytest.approx(kl, rel=1e-4)
    assert divergence([torch.tensor([1.0, 3.0])], [torch.tensor([2.0, 3.0])]) == pytest.approx(0.5 / 2)
    assert divergence([logits], [logits * torch.nan]) == float("inf")
