"""Networks as people write them: computed weights, 16 bits, classes without a name, and answers that differ."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from thimble.core.errors import BadInput
from thimble.core.task import ModelSpec
from thimble.engine.store import Store
from thimble.models import open_model, remarks

CODE = """
import importlib.util
import sys

import torch
from torch import nn


class Net(nn.Module):
    inputs = {"x": (1, 6)}

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, x):
        return self.body(x)


class Squeezed(Net):
    def forward(self, x):
        return self.body(x).squeeze()


class Noisy(Net):
    def forward(self, x):
        return self.body(x + torch.randn_like(x))


def normed():
    net = Net()
    net.body[0] = nn.utils.parametrizations.weight_norm(net.body[0])
    net.body[2] = nn.utils.parametrizations.spectral_norm(net.body[2])
    return net


def old_normed():
    net = Net()
    net.body[0] = nn.utils.weight_norm(net.body[0])
    net.body[2] = nn.utils.spectral_norm(net.body[2])
    return net


def half():
    net = Net()
    net(torch.ones(1, 6)).sum().backward()
    return net.to(torch.bfloat16)


def tied_half():
    net = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False))
    net[1].weight = net[0].weight
    net.inputs = {"x": (1, 6)}
    return net.half()


def local():
    class Here(Net):
        def __init__(self):
            super().__init__()
            self.scale = lambda value: value * 2.0

        def forward(self, x):
            return self.scale(self.body(x))

    return Here()


def by_spec():
    spec = importlib.util.spec_from_file_location("a_module_nobody_finds", __file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Net()
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(CODE)
    return tmp_path / "net.py"


def opened(code: Path, name: str):
    return open_model(ModelSpec(f"{code}:{name}"), code.parent / "files")


@pytest.mark.parametrize("name", ["normed", "old_normed"])
def test_computed_weights_are_baked_in(code: Path, name: str) -> None:
    from thimble.fetch.user_file import import_user_file

    torch.manual_seed(0)
    original = getattr(import_user_file(code), name)().eval()
    model = opened(code, name)
    assert model.notes["baked"] == "2 computed weights (weight norm and the like) replaced by their values"
    assert model.notes["baked"] in remarks(model.notes)
    assert set(model.payload.state_dict()) == {"body.0.weight", "body.0.bias", "body.2.weight", "body.2.bias"}
    x = torch.randn(3, 6)
    torch.testing.assert_close(model.payload(x), original(x))


def test_sixteen_bits_are_widened(code: Path) -> None:
    model = opened(code, "half")
    assert model.notes["widened"] == "weights widened from bfloat16 to FP32"
    assert {tensor.dtype for tensor in model.payload.state_dict().values()} == {torch.float32}
    assert model.payload(torch.ones(2, 6)).shape == (2, 1)
    torch.export.export(model.payload, (torch.ones(1, 6),))


def test_tied_weights_stay_tied(code: Path) -> None:
    network = opened(code, "tied_half").payload
    assert network[0].weight is network[1].weight
    assert network[0].weight.dtype == torch.float32


@pytest.mark.parametrize("name", ["normed", "local", "by_spec"])
def test_networks_that_cannot_be_pickled_by_name_are_kept(code: Path, name: str, tmp_path: Path) -> None:
    model, store = opened(code, name), Store(tmp_path / "store")
    store.make("key", lambda output, scratch: model)
    x = torch.randn(3, 6)
    torch.testing.assert_close(store.load("key").payload(x), model.payload(x))


def test_a_network_that_differs_from_itself_is_told_as_that(code: Path) -> None:
    with pytest.raises(BadInput, match=r"Noisy gives different outputs for the same input: two runs agree to -?\d+ dB only"):
        opened(code, "Noisy")


def test_a_network_that_drops_the_batch_of_one_sample_is_told_as_that(code: Path) -> None:
    with pytest.raises(
        BadInput, match=r"drops the batch dimension of a single sample: output has shape \(2,\) for two samples and \(\) for"
    ):
        opened(code, "Squeezed")
