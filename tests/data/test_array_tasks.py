"""Tasks from .npz archives, CIFAR-10's binary files, and users' own code."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thimble.core.errors import BadInput, UnknownName
from thimble.core.registry import TASKS
from thimble.core.task import SPLITS, TaskSpec
from thimble.core.values import TensorSpec
from thimble.data import array_task, check_disjoint, check_task, fit_to, open_task, split_info

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((200, 5)), np.arange(200) % 3


def npz(folder: Path, **arrays) -> str:
    np.savez(folder / "data.npz", **arrays)
    return f"npz:{folder / 'data.npz'}"


def lengths(task) -> dict[str, int]:
    return {name: len(task.split(name)) for name in SPLITS}


def test_x_and_y_are_divided(tmp_path: Path) -> None:
    task = open_task(TaskSpec(npz(tmp_path, x=X, y=Y)))
    assert lengths(task) == {"train": 90, "calibration": 20, "validation": 30, "test": 60}
    assert (task.metric, task.labels) == ("accuracy", ("0", "1", "2"))
    batch = task.split("test").take([3, 1])
    assert batch.inputs["input"].dtype == np.float32
    row = np.flatnonzero((X.astype(np.float32) == batch.inputs["input"][0]).all(axis=1))
    assert Y[row] == batch.targets[0]
    check_task(task, head=3)


def test_parts_several_inputs_and_class_names(tmp_path: Path) -> None:
    tokens = RNG.integers(0, 50, (150, 6), dtype=np.int32)
    extra = RNG.standard_normal((150, 2))
    arrays = {
        f"{kind}_{part}{name}": array[rows]
        for part, rows in (("train", slice(0, 100)), ("test", slice(100, 150)))
        for kind, name, array in (("x", "_tokens", tokens), ("x", "_extra", extra), ("y", "", Y[:150]))
    }
    task = open_task(TaskSpec(npz(tmp_path, **arrays, labels=np.array(["a", "b", "c"])), weights_given=True))
    assert task.labels == ("a", "b", "c")
    assert lengths(task) == {"train": 90, "calibration": 10, "validation": 15, "test": 35}
    inputs = next(task.split("train").batches(4)).inputs
    assert {name: (array.dtype.name, array.shape) for name, array in inputs.items()} == {
        "tokens": ("int32", (4, 6)),
        "extra": ("float32", (4, 2)),
    }


def test_what_y_is_decides_the_metric(tmp_path: Path) -> None:
    masks = RNG.integers(0, 3, (200, 4, 4))
    for y, metric in ((Y[:, None], "accuracy"), (X[:, :2], "relative_mse"), (masks, "mean_iou"), (None, "agreement")):
        task = open_task(TaskSpec(npz(tmp_path, x=X, **({} if y is None else {"y": y}))))
        assert task.metric == metric
        check_task(task)
    assert open_task(TaskSpec(npz(tmp_path, x=X, y=Y, metric="f1"))).metric == "f1"


def test_copies_never_stand_in_two_splits(tmp_path: Path) -> None:
    x = np.repeat(X[:50], 4, axis=0)
    task = open_task(TaskSpec(npz(tmp_path, x=x, y=Y)))
    check_disjoint(task)
    assert sum(lengths(task).values()) == 200


NAN = np.where(np.arange(1000).reshape(200, 5) == 16, np.nan, X)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": NAN, "y": Y}, "x holds NaN or infinity, first in sample 3"),
        ({"x": X * 1e300, "y": Y}, "x holds NaN or infinity"),
        ({"x": X, "y": Y[:-1]}, "differ in length: 199 and 200 samples"),
        ({"x": X, "y": Y * 0}, "every y is 0"),
        ({"x": X, "y": Y - 1}, "y goes from -1 to 1"),
        ({"x": X, "y": Y, "labels": np.array(["a", "b"])}, "y goes from 0 to 2, and there are 2 classes"),
        ({"x": X, "y": Y, "metric": "acuracy"}, "unknown metric 'acuracy'; did you mean 'accuracy'"),
        ({"x": X, "y": X[:, 0], "metric": "accuracy"}, "y is float32; accuracy needs integers"),
        ({"x": X, "y": np.array([{}] * 200)}, "holds Python objects, which are not loaded"),
        ({"x": np.array(["a"] * 200)}, "must be numbers"),
        ({"x": np.float32(3)}, "the samples first"),
        ({"z": X}, "has no x, x_train or x_NAME; it has no arrays"),
        ({"x": X, "x_train": X}, "both x and x_train"),
        ({"x_test": X}, "has test and no train"),
        ({"x_train": X, "y_train": Y}, "only train data"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :3], "y_test": Y}, "differ in shape or type"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "all or none y"),
        ({"x_train_a": X, "x_test_b": X}, "same inputs"),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}, "200 of 200 test samples .* exact copies"),
        ({"x": X[:4], "y": Y[:4]}, "too small"),
    ],
)
def test_arrays_that_cannot_be_used(tmp_path: Path, arrays, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        open_task(TaskSpec(npz(tmp_path, **arrays)))
    assert "\n" not in str(caught.value)


def test_labels_beyond_the_head(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="y goes from 0 to 2, and the model's head has 2 classes"):
        open_task(TaskSpec(npz(tmp_path, x=X, y=Y), classes_of_head=2))
    assert len(open_task(TaskSpec(npz(tmp_path, x=X, y=Y), classes_of_head=5)).labels) == 5


def test_archives_that_are_damaged_or_hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = TaskSpec(npz(tmp_path, x=X, y=Y))
    path = tmp_path / "data.npz"
    whole = path.read_bytes()

    def refused(words: str) -> None:
        with pytest.raises(BadInput, match=words) as caught:
            open_task(spec)
        assert "\n" not in str(caught.value)

    path.write_bytes(whole[: len(whole) // 2])
    refused("truncated")
    path.write_bytes(whole[:2000] + bytes(200) + whole[2200:])
    refused("can.t be read: BadZipFile: Bad CRC")
    path.write_bytes(whole)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../x_evil.npy", b"")
    refused("outside the archive")
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000, 5), }".ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64))
    refused("and the file holds 64 bytes for it")
    monkeypatch.setattr("thimble.fetch.archive._FREE", 100_000)
    np.savez_compressed(path, x=np.zeros((1000, 1000)))
    refused("would unpack to 8 MB")
    path.unlink()
    refused("there is no file")


def cifar(folder: Path, train: int = 100, test: int = 50) -> Path:
    """Files in the binary layout: the class is the image's first red value."""
    rng = np.random.default_rng(1)
    for name, count in (("data_batch_1.bin", train // 2), ("data_batch_2.bin", train - train // 2), ("test_batch.bin", test)):
        records = rng.integers(0, 256, (count, 3073), dtype=np.uint8)
        records[:, 0] = records[:, 1] = np.arange(count) % 10
        records.tofile(folder / name)
    return folder


def test_cifar10_is_read_as_it_is_laid_out(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-bin").mkdir()
    cifar(tmp_path / "cifar-10-batches-bin")
    task = open_task(TaskSpec(f"cifar10:{tmp_path}", weights_given=True, mean=(0, 0, 0), std=(1, 1, 1)))
    assert lengths(task) == {"train": 90, "calibration": 10, "validation": 15, "test": 35}
    batch = next(task.split("test").batches(35))
    assert batch.inputs["input"].shape == (35, 3, 32, 32)
    assert np.array_equal(np.round(batch.inputs["input"][:, 0, 0, 0] * 255), batch.targets)
    assert task.labels[8] == "ship"
    check_task(task, head=10)


def test_cifar10_files_that_cannot_be(tmp_path: Path) -> None:
    spec = TaskSpec(f"cifar10:{cifar(tmp_path)}")
    with pytest.raises(BadInput, match="head has 100 outputs"):
        open_task(TaskSpec(spec.spec, classes_of_head=100))
    test = tmp_path / "test_batch.bin"
    whole = test.read_bytes()
    test.write_bytes(whole[:-1])
    with pytest.raises(BadInput, match=r"has \d+ bytes, which is not a whole number of images"):
        open_task(spec)
    test.write_bytes(b"\x0a" + whole[1:])
    with pytest.raises(BadInput, match="has a class 10"):
        open_task(spec)
    test.unlink()
    with pytest.raises(BadInput, match=r"has no test_batch\.bin"):
        open_task(spec)
    with pytest.raises(BadInput, match="there is no folder"):
        open_task(TaskSpec("cifar10:"))


OWN = """
import numpy as np
from thimble.data import array_task, dataset_task

rng = np.random.default_rng(0)

def arrays():
    made = {name: ({"a": rng.standard_normal((20, 4)), "b": np.arange(20)}, np.arange(20) % 2) for name in ("calibration", "test")}
    return array_task(made, labels="xy")

class Dataset:
    def __init__(self, start):
        self.start = start
    def __len__(self):
        return 12
    def __getitem__(self, i):
        if i >= 12:
            raise IndexError
        return np.full((2, 3), self.start + i, np.float32), i % 3

def data_sets():
    return dataset_task({"train": Dataset(0), "test": Dataset(100)}, labels="abc")

def nothing():
    return 3

class Half:
    name = metric = "accuracy"
    labels, preprocess, notes = (), None, ()
    def split(self, name):
        return [1, 2]

class Keys(Half):
    def split(self, name):
        return {}[name]

class Unknown(Half):
    metric = "beauty"

def fails():
    return 1 / 0
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def test_a_task_of_the_user_s_own(own: Path) -> None:
    task = open_task(TaskSpec(f"{own}:arrays"))
    check_task(task, head=2)
    assert set(next(task.split("test").batches(3)).inputs) == {"a", "b"}
    sets = open_task(TaskSpec(f"{own}:data_sets"))
    check_task(sets, head=3)
    batch = sets.split("test").take([5, 0])
    assert batch.inputs["input"][:, 0, 0].tolist() == [105, 100]
    assert batch.targets.tolist() == [2, 0]
    assert split_info(sets)["train"].samples == 12


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("nothing", "returned a int without name"),
        ("Half", r"split\('train'\) is a list without batches, fingerprint, sample_ids"),
        ("Keys", r"split\('train'\) raised KeyError; raise thimble's BadInput"),
        ("Unknown", "unknown metric 'beauty'"),
        ("fails", r"failed: ZeroDivisionError: division by zero \(line \d+\)"),
        ("absent", "unknown function"),
    ],
)
def test_what_is_no_task_is_said_in_one_line(own: Path, function: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        open_task(TaskSpec(f"{own}:{function}"))


def task_of(test, targets=None, train=None, **settings):
    splits = {"test": (test, targets)} | ({} if train is None else {"train": (train, targets)})
    return array_task(splits, **{"metric": "agreement" if targets is None else "accuracy", "labels": "abc", **settings})


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (task_of(X[:0]), "the test split of arrays is empty"),
        (task_of(NAN), "gives NaN or infinity in input"),
        (task_of(X, Y + 1), r"labels of the test split of arrays go from 1 to 3, and the head has 3 outputs"),
        (task_of(X, Y - 1), "go from -1 to 1"),
        (task_of(X, metric="accuracy"), "has no targets, and accuracy needs them"),
        (task_of(X, train=X[:, :3]), "the test split gives input 5 float64, another one input 3 float64"),
        (task_of(X, train=X[:10]), "10 samples of the test split of arrays are also in the train split"),
        (task_of(X, X[:, 0] * np.nan, metric="mse"), "targets of the test split of arrays hold NaN"),
    ],
)
def test_data_that_a_study_would_trip_over_is_refused_before_it(task, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check_task(task, head=3)


def test_splits_that_are_none() -> None:
    with pytest.raises(BadInput, match="test must be among them; given are train"):
        array_task({"train": (X, Y)})
    with pytest.raises(BadInput, match="arrays of unequal length: input 200, y 3"):
        array_task({"test": (X, Y[:3])})


def test_inputs_take_the_model_s_names_and_types() -> None:
    task = array_task({"test": ({"a": X, "b": np.arange(200)[:, None]}, Y)})
    swapped = fit_to(task, (TensorSpec("b", (None, 1), "int32"), TensorSpec("a", (None, 5))))
    batch = swapped.split("test").take([7])
    assert (batch.inputs["b"].dtype, batch.inputs["a"].dtype) == (np.int32, np.float32)
    assert np.allclose(batch.inputs["a"], X[7])
    renamed = fit_to(task, (TensorSpec("x", (None, 5)), TensorSpec("y", (None, 1), "int64")))
    assert list(next(renamed.split("test").batches(2)).inputs) == ["x", "y"]
    assert renamed.split("test").fingerprint() == task.split("test").fingerprint()
    check_task(renamed)


def test_a_task_that_fits_already_is_left_alone() -> None:
    task = array_task({"test": (X.astype(np.float32), Y)})
    assert fit_to(task, (TensorSpec("input", (None, None)),)) is task


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ((TensorSpec("x", (None, 4)),), "the model takes x of shape N x 4; arrays gives input of shape N x 5"),
        ((TensorSpec("x", (None, 5, 1)),), "shape N x 5 x 1"),
        ((TensorSpec("x", (None, 5), "int64"),), "takes x as int64; arrays gives input as float64"),
        ((TensorSpec("x", (None, 5)), TensorSpec("z", (None, 5))), "the model takes x, z; arrays gives input"),
    ],
)
def test_inputs_that_do_not_fit(inputs, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        fit_to(task_of(X), inputs)


def test_images_of_another_size_get_a_hint(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(20):
            Image.fromarray(RNG.integers(0, 255, (9, 9, 3), dtype=np.uint8)).save(tmp_path / name / f"{i}.png")
    task = open_task(TaskSpec(f"imagefolder:{tmp_path}", size=8))
    with pytest.raises(BadInput, match="give --size"):
        fit_to(task, (TensorSpec("input", (None, 3, 224, 224)),))


def test_unknown_data_lists_every_form() -> None:
    with pytest.raises(UnknownName) as error:
        open_task(TaskSpec("photos"))
    forms = str(error.value).partition("Known: ")[2].split(", ")
    assert {"FILE.py:FUNCTION", "cifar10:DIR", "digits", "npz:FILE"} <= set(forms)
    for name in set(TASKS.names()) - {"file"}:
        assert any(form.partition(":")[0] == name for form in forms), name
