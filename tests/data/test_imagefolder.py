import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thimble.core.errors import BadInput
from thimble.core.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from thimble.core.task import SPLITS, TaskSpec
from thimble.data import check_task, open_task, split_info
from thimble.data.imagenette import ADDRESS, CLASSES


def images(folder: Path, counts: dict[str, int], seed: int = 0, suffix: str = "png", size: tuple[int, int] = (12, 10)) -> Path:
    """Noise in class folders; each class has a colour of its own."""
    rng = np.random.default_rng(seed)
    for number, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = rng.integers(0, 80, (size[1], size[0], 3)) + np.eye(3)[number % 3] * 150
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i:04}.{suffix}")
    return folder


def opened(folder: Path, **settings):
    return open_task(TaskSpec(f"imagefolder:{folder}", **{"size": 8, **settings}))


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return images(tmp_path / "photos", {"cat": 40, "Bird": 40, "dog": 20})


def test_class_folders_become_four_splits(whole: Path) -> None:
    task = opened(whole)
    assert task.name == "imagefolder:photos"
    assert task.labels == ("Bird", "cat", "dog")
    assert {name: len(task.split(name)) for name in SPLITS} == {"train": 45, "calibration": 10, "validation": 15, "test": 30}
    assert np.bincount(task.split("test").targets).tolist() == [12, 12, 6]
    check_task(task, head=3)
    assert split_info(opened(whole)) == split_info(task)


def test_labels_and_pixels_belong_together(whole: Path) -> None:
    task = opened(whole, mean=(0, 0, 0), std=(1, 1, 1))
    brightest = {"cat": 0, "Bird": 1, "dog": 2}
    for batch in task.split("train").batches(16):
        colours = batch.inputs["input"].mean(axis=(2, 3)).argmax(axis=1)
        assert [brightest[task.labels[target]] for target in batch.targets] == colours.tolist()


def test_the_transform_is_the_one_asked_for(whole: Path) -> None:
    task = opened(whole, size=6)
    assert task.preprocess == Preprocess(6, 6)
    split = task.split("test")
    image = Image.open(split._read._paths[0]).convert("RGB").resize((7, 6), Image.Resampling.BILINEAR).crop((0, 0, 6, 6))
    expected = (np.asarray(image, np.float32) / 255 - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
    assert np.allclose(split.take([0]).inputs["input"][0], expected.transpose(2, 0, 1), atol=1e-6)


def test_large_images_are_read_by_several_at_once_in_order(whole: Path) -> None:
    one = opened(whole, size=130).split("calibration")
    batch = one.take([4, 2, 9])
    assert batch.inputs["input"].shape == (3, 3, 130, 130)
    for place, i in enumerate((4, 2, 9)):
        assert np.array_equal(batch.inputs["input"][place], one.take([i]).inputs["input"][0])


def test_a_set_too_large_to_keep_is_read_anew(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = opened(whole).split("train")
    monkeypatch.setattr("thimble.data._split.HELD_BYTES", 100)
    anew = opened(whole).split("train")
    assert anew._held is None
    for ours, theirs in zip(kept.batches(20), anew.batches(20), strict=True):
        assert np.array_equal(ours.inputs["input"], theirs.inputs["input"])


def test_train_and_test_folders_with_given_weights(tmp_path: Path) -> None:
    images(tmp_path / "train", {"a": 50, "b": 50})
    images(tmp_path / "test", {"a": 20, "b": 20}, seed=1)
    task = opened(tmp_path, weights_given=True)
    assert {name: len(task.split(name)) for name in SPLITS} == {"train": 90, "calibration": 10, "validation": 12, "test": 28}
    assert "may have seen all of train" in task.notes[0]
    train = {*task.split("train").sample_ids(), *task.split("calibration").sample_ids()}
    assert not train & {*task.split("validation").sample_ids(), *task.split("test").sample_ids()}


def test_a_folder_called_train_that_is_a_class(tmp_path: Path) -> None:
    assert opened(images(tmp_path, {"train": 20, "ship": 20})).labels == ("ship", "train")


def test_copies_of_training_images_are_not_scored(tmp_path: Path) -> None:
    images(tmp_path / "train", {"a": 50, "b": 50})
    images(tmp_path / "test", {"a": 20, "b": 20}, seed=1)
    (tmp_path / "test/a/copy.png").write_bytes((tmp_path / "train/a/0000.png").read_bytes())
    task = opened(tmp_path)
    assert len(task.split("test")) == 40
    assert any("left out 1 of 41 test samples" in note for note in task.notes)
    images(tmp_path / "test", {"a": 20, "b": 20}, seed=0)
    with pytest.raises(BadInput, match=r"21 of 41 test samples .* exact copies"):
        opened(tmp_path)


def test_a_corrupt_image_is_named_counted_and_skipped(tmp_path: Path) -> None:
    images(tmp_path, {"a": 100, "b": 100}, suffix="jpg")
    file = tmp_path / "a/0007.jpg"
    file.write_bytes(file.read_bytes()[:-100])
    (tmp_path / "b/notes.txt").write_text("hello")
    (tmp_path / "b/.DS_Store").write_bytes(b"")
    task = opened(tmp_path)
    assert sum(len(task.split(name)) for name in SPLITS) == 199
    assert task.notes[0].startswith("skipped 1 corrupt of 200 images: a/0007.jpg (OSError: ")
    assert task.notes[1] == "left out 1 files that are no images"


@pytest.mark.parametrize("content", [b"", b"no image", b"GIF89a" + bytes(20), b"\xff\xd8\xff" + bytes(50)])
def test_too_many_corrupt_images_are_refused(tmp_path: Path, content: bytes) -> None:
    images(tmp_path, {"a": 20, "b": 20})
    (tmp_path / "a/0003.png").write_bytes(content)
    with pytest.raises(BadInput, match=r"1 of 40 images in .* are corrupt: a/0003.png") as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_image_that_is_damaged_inside_is_named_when_it_is_read(tmp_path: Path) -> None:
    images(tmp_path, {"a": 20, "b": 20})
    for path in (tmp_path / "a").iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:60] + bytes(30) + content[90:])
    task = opened(tmp_path)
    with pytest.raises(BadInput, match=r"a/\d+.png can't be decoded; remove or replace it"):
        list(task.split("train").batches(10))


def test_what_was_learnt_of_a_folder_is_remembered_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images(tmp_path, {"a": 20, "b": 20})
    first = split_info(opened(tmp_path))
    looked: list[bytes] = []
    monkeypatch.setattr("thimble.data._folder._problem", lambda content: looked.append(content) or "")
    assert split_info(opened(tmp_path)) == first
    assert not looked
    path = tmp_path / "a/0000.png"
    Image.new("RGB", (9, 9)).save(path)
    os.utime(path, ns=(1, 1))
    assert split_info(opened(tmp_path)) != first
    assert len(looked) == 1


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, "no class folders"),
        ({"only": 5}, "one class, only"),
        ({"a": 20, "empty": 0}, "empty holds no image that"),
        ({"a": 1, "b": 1}, "too small"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path: Path, counts: dict[str, int], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        opened(images(tmp_path, counts))


def test_a_held_out_class_that_train_lacks(tmp_path: Path) -> None:
    images(tmp_path / "train", {"a": 20, "b": 20})
    images(tmp_path / "test", {"a": 20, "c": 20})
    with pytest.raises(BadInput, match=r"test of .* has classes that train lacks: c"):
        opened(tmp_path)


def test_a_head_of_another_size(whole: Path) -> None:
    with pytest.raises(BadInput, match=r"head has 1000 outputs, .* has 3 classes"):
        opened(whole, classes_of_head=1000)
    with pytest.raises(BadInput, match="there is no folder"):
        opened(whole / "absent")


@pytest.fixture
def imagenette(tmp_path: Path) -> Path:
    for part, count in (("train", 12), ("val", 10)):
        images(tmp_path / "imagenette2-320" / part, dict.fromkeys(CLASSES, count), seed=count, suffix="JPEG")
    return tmp_path


def test_imagenette_is_scored_among_a_thousand_classes(imagenette: Path) -> None:
    task = open_task(TaskSpec(f"imagenette:{imagenette}", size=8, weights_given=True))
    assert len(task.labels) == 1000
    for _, (name, number) in CLASSES.items():
        assert task.labels[number] == name
    assert {int(t) for t in task.split("test").targets} == {number for _, number in CLASSES.values()}
    assert any("trained on ImageNet have seen" in note for note in task.notes)


def test_imagenette_for_a_head_of_ten(imagenette: Path) -> None:
    for settings in ({"classes_of_head": 10, "weights_given": True}, {}):
        task = open_task(TaskSpec(f"imagenette:{imagenette}", size=8, **settings))
        assert task.labels == tuple(name for name, _ in CLASSES.values())
        assert {int(t) for t in task.split("test").targets} == set(range(10))
    with pytest.raises(BadInput, match="head has 21 outputs"):
        open_task(TaskSpec(f"imagenette:{imagenette}", classes_of_head=21))


def test_imagenette_that_cannot_be_downloaded_says_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=rf"can't be downloaded .*fetch {ADDRESS} .* put it at {tmp_path}"):
        open_task(TaskSpec(f"imagenette:{tmp_path}"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "imagenette2-320.tgz").write_bytes(b"another file")
    with pytest.raises(BadInput, match="can't be downloaded"):
        open_task(TaskSpec(f"imagenette:{tmp_path}"))
    assert [path.name for path in tmp_path.iterdir()] == ["imagenette2-320.tgz"]


def test_torchvision_fetches_the_same_archive() -> None:
    from thimble.fetch.torchvision_import import import_torchvision

    assert import_torchvision().datasets.Imagenette._ARCHIVES["320px"][0] == ADDRESS
