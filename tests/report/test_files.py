import errno
import importlib.util
from pathlib import Path

import pytest

from thimble.core.errors import CannotWrite
from thimble.core.registry import REPORTS
from thimble.report._files import write_text, write_with

WRITERS = sorted(name for name, report in REPORTS.all().items() if hasattr(report, "write"))


def test_every_report_that_issue_and_reader_expect_is_registered():
    assert WRITERS == ["csv", "html", "markdown", "model_card", "png", "rounds", "rounds_parquet"]
    assert "table" in REPORTS.names()


READY = [name for name in WRITERS if all(importlib.util.find_spec(module) for module in getattr(REPORTS.get(name), "needs", ()))]


@pytest.mark.parametrize("name", READY)
def test_report_leaves_its_files_and_nothing_else(name, golden_named, tmp_path):
    golden, report = golden_named("failures"), REPORTS.get(name)()
    paths = report.write(golden.study, golden.summary, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == list(report.files)
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(report.files)


@pytest.mark.parametrize("name", READY)
def test_unwritable_folder_is_said_in_one_line(name, golden_named, tmp_path):
    golden = golden_named("failures")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CannotWrite, match=r"can't write .*file.*: Not a directory; free some space or choose another folder"):
        REPORTS.get(name)().write(golden.study, golden.summary, tmp_path / "file" / "below")


def test_full_disk_keeps_what_was_there(tmp_path):
    path = write_text(tmp_path / "a.txt", "old")

    def full(aside: Path) -> None:
        aside.write_text("half of the n")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CannotWrite, match="No space left on device"):
        write_with(path, full)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.txt", "old")]


def test_interruption_leaves_nothing_behind(tmp_path):
    def stopped(aside: Path) -> None:
        aside.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_with(tmp_path / "a.txt", stopped)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", READY)
def test_writing_twice_gives_the_same_bytes(name, golden_named, tmp_path):
    golden = golden_named("one")
    first, second = (
        [path.read_bytes() for path in REPORTS.get(name)().write(golden.study, golden.summary, tmp_path / turn)] for turn in "ab"
    )
    assert first == second
