"""What is written aside takes its place as a whole, or leaves what was there."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from thimble.core.aside import new_file, new_folder, writing
from thimble.core.errors import CannotWrite


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "result.png"
    with new_file(path) as aside:
        assert aside.suffix == ".png", "writers go by it"
        aside.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"

    def interrupted() -> None:
        with new_file(path) as aside:
            aside.write_text("ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "first"
    assert [one.name for one in path.parent.iterdir()] == ["result.png"]


def test_a_folder_is_replaced_as_a_whole_or_stays(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with new_folder(path) as aside:
        (aside / "one").write_text("1")
    with new_folder(path) as aside:
        (aside / "two").write_text("2")
        assert (path / "one").exists()
    assert [one.name for one in path.iterdir()] == ["two"]

    def failing() -> None:
        with new_folder(path) as aside:
            (aside / "three").write_text("3")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert [one.name for one in path.iterdir()] == ["two"]
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_what_was_there_comes_back_where_the_new_one_can_not_take_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, rename = tmp_path / "out", Path.rename
    path.mkdir()
    (path / "mine").write_text("kept")

    def refused(self: Path, target: Path) -> Path:
        if target == path and self.name.rpartition(".")[2].isdigit():
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(CannotWrite, match=f"can't write {path}: No space left on device"), writing(path), new_folder(path) as aside:
        (aside / "new").write_text("x")
    assert (path / "mine").read_text() == "kept"
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_can_not_be_made_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match=r"can't write .*file/out\.txt: "), writing(tmp_path / "file" / "out.txt"):  # noqa: SIM117
        with new_file(tmp_path / "file" / "out.txt"):
            pass


def test_a_device_or_a_pipe_is_written_to_and_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_bytes)
        with new_file(pipe) as aside:
            aside.write_bytes(b"whole")
        assert read.result(10) == b"whole"
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
    with pytest.raises(NotADirectoryError), new_folder(pipe):
        pass
    assert pipe.is_fifo()
