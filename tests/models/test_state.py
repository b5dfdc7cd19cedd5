"""Weights files as they are found: nothing in them runs, and what is wrong is said in one line."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from thimble.core.errors import BadInput
from thimble.models._state import head_sizes, load_own, load_state, load_with_head, read_state


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def refused(path: Path, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        read_state(path)
    assert "\n" not in str(caught.value)
    assert not (path.parent / "executed").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_would_run_code(tmp_path: Path, zipped: bool) -> None:
    torch.save({"weight": Bomb(tmp_path / "executed")}, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    refused(tmp_path / "w.pth", "would run code when loaded, so it was not")


def test_a_plain_pickle_that_would_run_code(tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(pickle.dumps(Bomb(tmp_path / "executed")))
    refused(tmp_path / "w.pt", "would run code|not a weights file")


def test_a_whole_network_instead_of_its_weights(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "net.pth")
    refused(tmp_path / "net.pth", r"torch.save\(model.state_dict\(\), FILE\)")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_bytes_that_are_no_weights(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    refused(tmp_path / "w.pth", "not a weights file that PyTorch can read, or it is damaged")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file(tmp_path: Path, share: float) -> None:
    torch.save({"weight": torch.zeros(1000)}, tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes((tmp_path / "w.pth").read_bytes()[: int(share * 5000)])
    refused(tmp_path / "w.pth", "damaged")


def test_what_is_loaded_must_be_a_state_dict(tmp_path: Path) -> None:
    for value, words in (
        ([1, 2], "but a list"),
        ({"a": 1}, "dictionary with the keys 'a'"),
        ({}, "an empty dictionary"),
        (torch.zeros(2), "a Tensor"),
    ):
        torch.save(value, tmp_path / "w.pth")
        refused(tmp_path / "w.pth", f"holds no state dict .*{words}")


def test_hostile_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"weight": torch.zeros(4)}, tmp_path / "w.pth")
    whole = (tmp_path / "w.pth").read_bytes()
    with zipfile.ZipFile(tmp_path / "w.pth", "a") as archive:
        archive.writestr("../outside", b"")
    refused(tmp_path / "w.pth", "lies outside the archive")
    (tmp_path / "w.pth").write_bytes(whole)
    monkeypatch.setattr("thimble.fetch.archive._FREE", 1_000_000)
    with zipfile.ZipFile(tmp_path / "w.pth", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data/zeros", bytes(20_000_000))
    refused(tmp_path / "w.pth", "would unpack to 20 MB")


def test_every_nesting_and_prefix_is_taken_off(tmp_path: Path) -> None:
    torch.save({"ema": {"state_dict": {"module._orig_mod.weight": torch.ones(2)}}}, tmp_path / "w.pth")
    assert list(read_state(tmp_path / "w.pth")) == ["weight"]
    torch.save({"model.a": torch.ones(2), "b": torch.ones(2)}, tmp_path / "w.pth")
    assert list(read_state(tmp_path / "w.pth")) == ["model.a", "b"]


def network(classes: int | None) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 10 if classes is None else classes))


def test_the_head_s_size_is_found_and_taken_over() -> None:
    state = network(3).state_dict()
    assert head_sizes(network(None), state) == (3, 10)
    assert head_sizes(network(3), state) is None
    assert load_with_head(network, None, state, "w")[2].out_features == 3
    with pytest.raises(BadInput, match="w has a head of 3 outputs, the model one of 7"):
        load_with_head(network, 7, state, "w")


def test_what_does_not_fit_is_named() -> None:
    state = network(3).state_dict()
    missing = {key: value for key, value in state.items() if key != "0.bias"}
    with pytest.raises(BadInput, match=r"w does not fit this model: it lacks 0.bias$"):
        load_state(network(3), missing, "w")
    with pytest.raises(BadInput, match=r"has more, which the model lacks"):
        load_state(network(3), state | {"more": torch.zeros(1)}, "w")
    with pytest.raises(BadInput, match=r"0.weight is 8 x 5, not 8 x 4"):
        load_state(network(3), state | {"0.weight": torch.zeros(8, 5)}, "w")


def test_a_missing_batch_count_does_not_matter() -> None:
    state = {key: value for key, value in network(3).state_dict().items() if "num_batches" not in key}
    target = network(3)
    load_state(target, state, "w")
    assert torch.equal(target[0].weight, state["0.weight"])


def test_a_dictionary_that_holds_itself(tmp_path: Path) -> None:
    loop: dict[str, object] = {"epoch": 1}
    loop["state_dict"] = loop
    torch.save(loop, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", "holds no state dict but a dictionary with the keys 'epoch', 'state_dict'")


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.zeros(2, 2, device="meta"), "weight has no numbers"),
        (torch.eye(2).to_sparse(), "weight is stored as sparse_coo"),
        (torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8), "weight is quantized"),
    ],
)
def test_tensors_that_are_no_plain_numbers(tmp_path: Path, tensor: torch.Tensor, words: str) -> None:
    torch.save({"weight": tensor}, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", words)


def test_complex_numbers_do_not_lose_their_imaginary_part() -> None:
    with pytest.raises(BadInput, match="has complex numbers in weight, whose imaginary part"):
        load_state(nn.Linear(2, 2, bias=False), {"weight": torch.eye(2, dtype=torch.complex64)}, "w.pth")
    network = nn.Linear(2, 2, bias=False, dtype=torch.complex64)
    load_state(network, {"weight": 1j * torch.eye(2)}, "w.pth")
    assert network.weight[0, 0] == 1j


def test_a_dictionary_with_long_keys(tmp_path: Path) -> None:
    torch.save({f"{i}" * 10_000: i for i in range(100)}, tmp_path / "w.pth")
    with pytest.raises(BadInput) as error:
        read_state(tmp_path / "w.pth")
    assert len(str(error.value)) < 800


class Backbone(nn.Module):
    """A part of a published network, with a constant that its checkpoint may hold."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.encode = nn.Embedding(10, 4), nn.Linear(4, 4)
        self.register_buffer("scale", torch.full((1,), 3.0))


def published(**more: torch.Tensor) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    own = {f"bert.{name}": torch.rand_like(value) for name, value in Backbone().state_dict().items() if name != "scale"}
    return {**own, "bert.embed.position_ids": torch.arange(5), "cls.weight": torch.ones(2, 4), **more}


def test_heads_and_constants_of_a_published_checkpoint_are_left_out_and_named() -> None:
    network = Backbone()
    told = load_own(network, published(), "w")
    assert told == (
        "left out embed.position_ids, cls.weight of w, which the network does not have; "
        "buffers that w lacks keep the network's own values: scale"
    )
    assert torch.equal(network.encode.weight, published()["bert.encode.weight"])
    assert network.scale.item() == 3
    assert load_own(network, network.state_dict(), "w") is None


def test_a_larger_network_of_the_same_modules_is_no_checkpoint_of_a_part() -> None:
    with pytest.raises(BadInput, match=r"has encode\.extra\.weight, which the model lacks"):
        load_own(Backbone(), published(**{"bert.encode.extra.weight": torch.ones(2)}), "w")
    lacking = {name: value for name, value in published().items() if "encode.bias" not in name}
    with pytest.raises(BadInput, match="does not fit this model: it lacks"):
        load_own(Backbone(), lacking, "w")
