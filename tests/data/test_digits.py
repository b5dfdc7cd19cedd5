import numpy as np
import pytest

from thimble.core.errors import BadInput
from thimble.core.preprocess import Preprocess
from thimble.core.task import SPLITS, TaskSpec
from thimble.data import open_task, split_info


@pytest.fixture(scope="module")
def digits():
    return open_task(TaskSpec("digits"))


def test_splits_are_disjoint_and_hold_every_image_once(digits) -> None:
    ids = [digest for name in SPLITS for digest in digits.split(name).sample_ids()]
    assert len(ids) == len(set(ids)) == 1797
    assert {name: len(digits.split(name)) for name in SPLITS} == {"train": 797, "calibration": 100, "validation": 300, "test": 600}


def test_every_split_has_the_mix_of_the_whole(digits) -> None:
    for name in SPLITS:
        counts = np.bincount(digits.split(name).targets, minlength=10)
        assert counts.max() - counts.min() <= 0.02 * counts.sum()


def test_the_seed_decides_the_split_and_nothing_else_does(digits) -> None:
    assert split_info(open_task(TaskSpec("digits"))) == split_info(digits)
    other = split_info(open_task(TaskSpec("digits", seed=1)))
    assert all(other[name].fingerprint != split_info(digits)[name].fingerprint for name in SPLITS)


def test_the_preprocessing_is_part_of_the_fingerprint(digits) -> None:
    larger = open_task(TaskSpec("digits", size=32))
    assert larger.split("test").sample_ids() == digits.split("test").sample_ids()
    assert larger.split("test").fingerprint() != digits.split("test").fingerprint()


def test_images_come_out_as_asked() -> None:
    task = open_task(TaskSpec("digits", size=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))
    batch = next(task.split("test").batches(7))
    images = batch.inputs["input"]
    assert images.shape == (7, 3, 8, 8)
    assert images.dtype == np.float32
    assert np.array_equal(images[:, 0], images[:, 2])
    assert images.min() == 0
    assert images.max() == 1


def test_batches_and_take_give_the_same_samples(digits) -> None:
    split = open_task(TaskSpec("digits", size=16)).split("calibration")
    batches = list(split.batches(30))
    assert [len(batch) for batch in batches] == [30, 30, 30, 10]
    rows = [99, 3, 3]
    taken = split.take(rows)
    everything = np.concatenate([batch.inputs["input"] for batch in batches])
    assert np.array_equal(taken.inputs["input"], everything[rows])
    assert np.array_equal(taken.targets, np.concatenate([batch.targets for batch in batches])[rows])


def test_the_model_s_own_transform_is_used_at_another_size() -> None:
    task = open_task(TaskSpec("digits", size=56, preprocess=Preprocess(224, 256, "bicubic")))
    assert task.preprocess == Preprocess(56, 64, "bicubic")


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"size": 0}, "at least 1"), ({"std": (0.0, 1.0, 1.0)}, "positive"), ({"mean": (0.5, 0.5)}, "three values")],
)
def test_impossible_preprocessing_is_refused(settings, words) -> None:
    with pytest.raises(BadInput, match=words):
        open_task(TaskSpec("digits", **settings))


def test_unknown_data_lists_the_known_forms() -> None:
    with pytest.raises(BadInput, match=r"unknown data 'digit'.*digits"):
        open_task(TaskSpec("digit"))


def test_an_unknown_split_says_which_there_are(digits) -> None:
    with pytest.raises(BadInput, match="no holdout split; it has train, calibration, validation, test"):
        digits.split("holdout")
