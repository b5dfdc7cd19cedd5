from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from thimble.core.errors import BadInput, UnknownName
from thimble.core.task import ModelSpec
from thimble.models import open_model, preprocess_of

pytestmark = pytest.mark.skipif(find_spec("timm") is None, reason="timm is an extra")
SMALL = "timm:mobilenetv3_small_050"


def opened(**settings):
    return open_model(ModelSpec(**{"spec": SMALL, "size": 32, **settings}), Path())


def test_the_architecture_with_a_head_of_its_own() -> None:
    model = opened(classes=4)
    assert model.inputs[0].shape == (None, 3, 32, 32)
    assert model.notes["output_shapes"] == {"output": [None, 4]}
    assert not model.payload.training


def test_an_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'mobilenetv3_small_050'"):
        opened(spec="timm:mobilenetv3_smal_050")


def test_weights_from_safetensors_and_from_a_state_dict(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = opened(classes=4, seed=5).payload.state_dict()
    save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pth")
    for name in ("w.safetensors", "w.pth"):
        found = opened(weights=str(tmp_path / name)).payload.state_dict()
        assert all(torch.equal(found[key], state[key]) for key in state)
    (tmp_path / "w.safetensors").write_bytes((tmp_path / "w.safetensors").read_bytes()[:1000])
    with pytest.raises(BadInput, match="not a safetensors file, or it is damaged"):
        opened(weights=str(tmp_path / "w.safetensors"))


def test_without_a_network_it_says_what_to_download() -> None:
    with pytest.raises(BadInput, match=r"can't be downloaded .*fetch https://huggingface.co/\S+ on a connected machine.*--weights"):
        opened(weights="imagenet")


def test_published_weights_with_another_head_are_refused_before_any_download() -> None:
    with pytest.raises(BadInput, match="head of 1000 outputs, the model one of 4"):
        opened(weights="imagenet", classes=4)


def test_the_published_transform() -> None:
    made = preprocess_of(ModelSpec("timm:resnet18.a1_in1k", "imagenet"))
    assert (made.size, made.resize, made.resample) == (224, 235, "bicubic")
