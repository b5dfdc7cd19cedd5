"""Arrays in NumPy files, tables and Hugging Face data sets become tasks; what can't be used is refused in one line."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thimble.api._forms import in_data
from thimble.core.errors import BadInput, MissingExtra
from thimble.core.task import Task, TaskSpec, one_sample
from thimble.data import open_task

rng = np.random.default_rng(0)
X, Y = rng.normal(0, 1, (80, 4)).astype("f4"), np.arange(80) % 2


def opened(text: str) -> Task:
    return open_task(TaskSpec(text))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", Y)
    return tmp_path


def test_two_files_are_samples_and_labels(place: Path) -> None:
    task = opened(f"npy:{place / 'a.npy'},{place / 'b.npy'}")
    assert (task.metric, task.labels, len(task.split("test"))) == ("accuracy", ("0", "1"), 24)
    assert opened(f"npy:{place / 'a.npy'},b.npy").split("test").fingerprint() == task.split("test").fingerprint()
    assert opened(f"npy:{place / 'a.npy'}").metric == "agreement"


def test_files_are_named_for_several_inputs(place: Path) -> None:
    task = opened(f"npy:left={place / 'a.npy'},right={place / 'b.npy'},y={place / 'b.npy'}")
    assert {name: array.shape for name, array in one_sample(task).items()} == {"left": (1, 4), "right": (1,)}
    with pytest.raises(BadInput, match="name the inputs: npy:NAME=FILE,NAME=FILE"):
        opened(f"npy:{place / 'a.npy'},{place / 'b.npy'},{place / 'b.npy'}")


def test_a_folder_holds_named_arrays_or_a_file_for_each_sample(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    np.save(tmp_path / "whole" / "x_train.npy", X)
    np.save(tmp_path / "whole" / "x_test.npy", X + 1)
    task = opened(f"npy:{tmp_path / 'whole'}")
    assert len(task.split("test")) == 80
    for i, row in enumerate(X):
        folder = tmp_path / "classes" / ("dog" if i % 2 else "cat")
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{i}.npy", row)
    task = opened(f"npy:{tmp_path / 'classes'}")
    assert (task.labels, task.metric) == (("cat", "dog"), "accuracy")
    np.save(tmp_path / "classes" / "cat" / "odd.npy", np.ones(5, "f4"))
    with pytest.raises(BadInput, match="differ in shape or type"):
        opened(f"npy:{tmp_path / 'classes'}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("npy:", "names no file"),
        ("npy:nowhere.npy", "there is no file 'nowhere.npy'"),
        ("npy:{place}/empty", "holds no .npy file"),
        ("npy:{place}/objects.npy", "it holds Python objects"),
        ("npy:y={place}/b.npy", "labels only"),
    ],
)
def test_what_is_no_data_is_refused(text: str, said: str, place: Path) -> None:
    (place / "empty").mkdir()
    np.save(place / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match=said):
        opened(text.format(place=place))


def test_paths_in_such_texts_are_found_for_study_toml() -> None:
    assert in_data("npy:x.npy,y.npy") == ("npy:", "x.npy", ",y.npy")
    assert in_data("npy:a=x.npy,y=y.npy") == ("npy:a=", "x.npy", ",y=y.npy")
    assert in_data("csv:t.csv:kind") == ("csv:", "t.csv", ":kind")
    assert in_data("csv:t.csv") == ("csv:", "t.csv", "")
    assert in_data("imagefolder:photos") == ("imagefolder:", "photos", "")


def table(path: Path, text: str) -> str:
    path.write_text(text)
    return f"csv:{path}"


def test_a_table_names_its_label(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    rows = "\n".join(f"{i * 0.5};{i % 7};{'yes' if i % 3 else 'no'}" for i in range(80))
    task = opened(table(tmp_path / "t.csv", f"height;width;class\n{rows}\n"))
    assert (task.labels, task.metric, one_sample(task)["input"].shape) == (("no", "yes"), "accuracy", (1, 2))
    assert task.notes[0] == "columns height, width are the input, class the label"
    task = opened(table(tmp_path / "t.csv", f"height;width;kind\n{rows}\n") + ":kind")
    assert task.labels == ("no", "yes")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,label\n", "has no rows"),
        ("a,b,label\n1,x,0\n", "has text in b"),
        ("a,label\n,0\n1,1\n", "has gaps in a"),
        ("label\n0\n", "no column of samples"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(text: str, said: str, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    with pytest.raises(BadInput, match=said):
        opened(table(tmp_path / "t.csv", text))


@pytest.mark.parametrize(("text", "library", "extra"), [("csv:{}/t.csv", "pandas", "csv"), ("hf:{}", "datasets", "hf")])
def test_an_absent_library_is_said_with_its_command(text: str, library: str, extra: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(library):
        pytest.skip(f"{library} is installed")
    (tmp_path / "t.csv").write_text("a,label\n1,0\n")
    with pytest.raises(MissingExtra, match=rf"{library} is not installed; install it with: pip install 'thimble-fit\[{extra}\]'"):
        opened(text.format(tmp_path))


def test_data_sets_on_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    names = datasets.ClassLabel(names=["cat", "dog"])
    features = datasets.Features({"x": datasets.Sequence(datasets.Value("float32"), 4), "text": datasets.Value("string"), "label": names})
    numbers = datasets.Dataset.from_dict({"x": X.tolist(), "text": ["word"] * 80, "label": Y.tolist()}, features=features)
    numbers.save_to_disk(str(tmp_path / "numbers"))
    task = opened(f"hf:{tmp_path / 'numbers'}")
    assert (task.labels, one_sample(task)["x"].shape) == (("cat", "dog"), (1, 4))
    assert "left out columns that are no numbers of one shape: text" in task.notes
    pictures = [Image.fromarray(rng.integers(0, 255, (9, 9, 3), np.uint8)) for _ in range(80)]
    both = datasets.Features({"image": datasets.Image(), "label": names})
    part = datasets.Dataset.from_dict({"image": pictures, "label": Y.tolist()}, features=both)
    datasets.DatasetDict({"train": part.select(range(60)), "test": part.select(range(60, 80))}).save_to_disk(str(tmp_path / "pictures"))
    task = open_task(TaskSpec(f"hf:{tmp_path / 'pictures'}", 8))
    assert one_sample(task)["input"].shape == (1, 3, 8, 8)
    assert task.labels == ("cat", "dog")
