import hashlib
from pathlib import Path

import pytest
import torch

from thimble.core.errors import BadInput, UnknownName
from thimble.core.preprocess import Preprocess
from thimble.core.task import ModelSpec
from thimble.fetch.torchvision_import import import_torchvision
from thimble.models import fingerprint, open_model, prepare_unpickling, preprocess_of

SMALL = "torchvision:squeezenet1_1"


def opened(**settings):
    return open_model(ModelSpec(**{"spec": SMALL, "size": 64, **settings}), Path())


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "five.pth"
    torch.save(opened(classes=5, seed=7).payload.state_dict(), path)
    return path


def same(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.payload.state_dict().values(), b.payload.state_dict().values(), strict=True))


def test_the_network_comes_in_evaluation_mode_with_named_tensors() -> None:
    model = opened(classes=5)
    assert model.format == "torch"
    assert not model.payload.training
    assert [(one.name, one.shape) for one in model.inputs] == [("input", (None, 3, 64, 64))]
    assert model.outputs == ("output",)
    assert model.notes["output_shapes"] == {"output": [None, 5]}


def test_the_seed_decides_the_weights_and_the_global_one_is_left_alone() -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first = opened(classes=5, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert same(first, opened(classes=5, seed=1))
    assert not same(first, opened(classes=5, seed=2))


def test_an_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'resnet18'"):
        opened(spec="torchvision:resnet19")


def test_weights_from_a_file_decide_the_number_of_outputs(weights: Path) -> None:
    model = opened(weights=str(weights))
    assert model.notes["output_shapes"] == {"output": [None, 5]}
    assert same(model, opened(classes=5, seed=7))


def test_a_head_that_does_not_fit_the_classes_says_both_numbers(weights: Path) -> None:
    with pytest.raises(BadInput, match="head of 5 outputs, the model one of 10"):
        opened(weights=str(weights), classes=10)


@pytest.mark.parametrize("wrap", [lambda s: {"state_dict": s}, lambda s: {"epoch": 3, "model": {f"module.{k}": v for k, v in s.items()}}])
def test_weights_inside_a_checkpoint_are_found(weights: Path, tmp_path: Path, wrap) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(wrap(torch.load(weights, weights_only=True)), path)
    assert same(opened(weights=str(path)), opened(classes=5, seed=7))


def test_weights_of_another_network_say_what_is_missing(tmp_path: Path) -> None:
    torch.save({"stem.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    with pytest.raises(BadInput, match=r"does not fit this model: it lacks features.*stem\.weight, which the model lacks"):
        opened(weights=str(tmp_path / "other.pt"))


def test_there_is_no_such_weights_file() -> None:
    with pytest.raises(BadInput, match=r"no weights file at nowhere\.pth"):
        opened(weights="nowhere.pth")


def test_without_a_network_it_says_what_to_download_and_where_to_put_it() -> None:
    with pytest.raises(
        BadInput, match=r"can't be downloaded .*fetch https://\S+squeezenet1_1-\S+.pth on a connected machine and put it at \S+\.pth"
    ):
        opened(weights="imagenet")


def test_published_weights_in_the_cache_work_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    published = import_torchvision().models.get_model_weights("squeezenet1_1").DEFAULT
    checkpoints = Path(torch.hub.get_dir()) / "checkpoints"
    checkpoints.mkdir(parents=True)
    torch.save(opened(seed=3).payload.state_dict(), checkpoints / "new")
    digest = hashlib.sha256((checkpoints / "new").read_bytes()).hexdigest()[:8]
    (checkpoints / "new").rename(checkpoints / f"squeezenet1_1-{digest}.pth")
    monkeypatch.setattr(published.value, "url", f"https://example.invalid/squeezenet1_1-{digest}.pth")
    model = opened(weights="imagenet")
    assert same(model, opened(seed=3))
    (checkpoints / f"squeezenet1_1-{digest}.pth").write_bytes(b"another file")
    with pytest.raises(BadInput, match=rf"SHA-256 does not begin with {digest}"):
        opened(weights="imagenet")


def test_the_published_weights_transform_is_theirs() -> None:
    assert preprocess_of(ModelSpec("torchvision:resnet18", "imagenet")) == Preprocess(224, 256)
    assert preprocess_of(ModelSpec("torchvision:swin_t", "imagenet")) == Preprocess(224, 232, "bicubic")
    assert preprocess_of(ModelSpec("torchvision:resnet18")) is None


def test_a_segmentation_network_keeps_its_output_names_and_downloads_nothing() -> None:
    model = opened(spec="torchvision:lraspp_mobilenet_v3_large", classes=4)
    assert model.outputs == ("out",)
    assert model.notes["output_shapes"]["out"] == [None, 4, 64, 64]


def test_a_vision_transformer_is_built_for_the_size() -> None:
    assert opened(spec="torchvision:vit_b_16", classes=2, size=32).inputs[0].shape == (None, 3, 32, 32)
    with pytest.raises(BadInput, match=r"can't build vit_b_16 with .*image_size=33"):
        opened(spec="torchvision:vit_b_16", size=33)


def test_detection_is_refused_at_once() -> None:
    with pytest.raises(BadInput, match="finds objects"):
        opened(spec="torchvision:fasterrcnn_resnet50_fpn")


def test_several_inputs_take_the_names_that_forward_has() -> None:
    shapes = {"image2": (1, 3, 128, 128), "image1": (1, 3, 128, 128)}
    model = opened(spec="torchvision:raft_small", shapes=shapes)
    assert [one.name for one in model.inputs] == ["image1", "image2"]
    assert len(model.outputs) == 12


def test_the_fingerprint_follows_what_decides_the_network(weights: Path) -> None:
    settings = [{}, {"classes": 5}, {"seed": 1}, {"size": 32}, {"weights": str(weights)}, {"spec": "torchvision:squeezenet1_0"}]
    marks = [fingerprint(ModelSpec(**{"spec": SMALL, "size": 64, **one})) for one in settings]
    assert len(set(marks)) == len(marks)
    assert marks[0] == fingerprint(ModelSpec(SMALL, size=64))
    copy = weights.with_name("copy.pth")
    copy.write_bytes(weights.read_bytes())
    assert fingerprint(ModelSpec(SMALL, str(copy), size=64)) == marks[4]


def test_a_pickle_of_a_network_is_read_after_preparing(tmp_path: Path) -> None:
    import subprocess
    import sys

    torch.save(opened(classes=2).payload, tmp_path / "network.pickle")
    code = (
        "import sys, torch; from thimble.core.task import ModelSpec; from thimble.models import prepare_unpickling;"
        f"prepare_unpickling(ModelSpec({SMALL!r})); print(type(torch.load(sys.argv[1], weights_only=False)).__name__)"
    )
    result = subprocess.run([sys.executable, "-c", code, tmp_path / "network.pickle"], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "SqueezeNet", result.stderr
    prepare_unpickling(ModelSpec(SMALL))
