"""Where runtimes and exporters run: in this Python, in one that the user names, in one that was set up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from second import second_python
from thimble.core import pythons
from thimble.core.errors import BadInput, UnknownName
from thimble.core.pythons import MARK, THIS, environments, installed, naming, python_of, set_up, version_of, versions
from thimble.core.registry import RUNTIMES
from thimble.steps.compress.onnx_quantize_static import OnnxQuantizeStatic
from thimble.steps.export.to_pt2 import ToPt2

ORT = RUNTIMES.get("onnxruntime")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(second_python(tmp_path_factory.mktemp("second") / "venv", versions={"onnxruntime": "9.8.7", "onnx": "6.5"}))


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_without_a_word_everything_runs_here() -> None:
    assert python_of(ORT) is python_of(OnnxQuantizeStatic()) is THIS
    assert THIS.path == sys.executable
    assert set_up() == {}


def test_a_named_python_runs_the_runtime_and_the_steps_that_write_its_format(second: str) -> None:
    step = OnnxQuantizeStatic()
    here = versions(step)
    with naming({"onnxruntime": second}):
        assert python_of(ORT).path == python_of(step).path == second
        assert python_of(ToPt2()) is python_of(RUNTIMES.get("pytorch")) is THIS
        assert version_of("onnxruntime") == "9.8.7"
        assert versions(step) != here
        assert versions(step)["onnx"] == "6.5"
        assert python_of(ORT).lacking() == []
        assert python_of(ORT).environment().keys().isdisjoint({"PYTHONPATH", "PYTHONHOME"})
    assert versions(step) == here


def test_the_users_file_names_one_for_every_command(second: str, tmp_path: Path) -> None:
    file = tmp_path / "config" / "thimble" / "python.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'onnxruntime = "{second}"\n')
    assert python_of(ORT).path == second
    file.write_text('onnxruntime = "/nowhere/python"\n')
    with pytest.raises(BadInput, match=r"python.toml: onnxruntime: /nowhere/python can't be run as Python: No such file"):
        python_of(ORT)
    file.write_text("nonsense = 1\n")
    with pytest.raises(BadInput, match="nonsense must name the Python of a runtime"):
        python_of(ORT)


def test_a_python_that_cannot_serve_is_one_clear_line(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text('#!/bin/sh\necho \'{"modules": ["onnxruntime"], "versions": {}, "python": [3, 8]}\'\n')
    old.chmod(0o700)
    bare = str(second_python(tmp_path / "bare", shared=False))
    problems = {
        "/nowhere/python": "can't be run as Python: No such file",
        str(tmp_path): "can't be run as Python: Permission denied",
        "/bin/false": "can't be run as Python: it ended with status 1",
        "/bin/echo": "can't be run as Python",
        str(old): "is Python 3.8, and Thimble needs 3.11",
        bare: f"has no onnxruntime; install it there, with: {bare} -m pip install onnxruntime",
    }
    for path, words in problems.items():
        with pytest.raises(BadInput) as caught, naming({"onnxruntime": path}):
            pass
        assert words in str(caught.value)
        assert str(caught.value).startswith("[python] onnxruntime: ")
        assert "\n" not in str(caught.value)
    with pytest.raises(UnknownName, match="unknown runtime 'onnxruntim'"), naming({"onnxruntim": sys.executable}):
        pass


def test_what_was_set_up_is_found_where_it_is_missing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    cls = RUNTIMES.get("ncnn")
    monkeypatch.setattr(cls, "needs", ("made_up_library",))
    monkeypatch.setattr(cls, "distribution", "made-up-library")
    pythons.look.cache_clear()
    folder = environments() / "ncnn"
    path = second_python(folder, modules=["made_up_library"], versions={"made-up-library": "1.2"})
    assert not installed("made_up_library")  # not complete
    (folder / MARK).write_text("{}")
    assert set_up() == {"ncnn": path}
    assert installed("made_up_library")
    assert python_of(cls).path == str(path)
    assert version_of("made-up-library") == "1.2"
    path.unlink()
    path.symlink_to("/nowhere/python")
    pythons.look.cache_clear()
    assert not installed("made_up_library")
    assert python_of(cls) is THIS
