"""Temporary folders go with their process, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from thimble.core import temporary

WORK = """
import sys, time
from thimble.core.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "large").write_bytes(bytes(1000))
    print(folder, flush=True)
    input()
"""


def started(place: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "TMPDIR": str(place)}
    return subprocess.Popen([sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def folders(place: Path) -> list[Path]:
    return list(place.glob("thimble-*"))


@pytest.mark.parametrize("how", [None, signal.SIGINT])
def test_a_process_that_ends_leaves_nothing(tmp_path: Path, how: signal.Signals | None) -> None:
    with started(tmp_path) as process:
        assert process.stdout is not None
        assert Path(process.stdout.readline().strip()).is_dir()
        process.send_signal(how) if how else process.communicate("\n")
    assert not list(tmp_path.iterdir())


def test_the_next_one_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    with started(tmp_path) as killed, started(tmp_path) as living:
        assert killed.stdout is not None
        assert living.stdout is not None
        left, held = (Path(process.stdout.readline().strip()) for process in (killed, living))
        killed.kill()
        killed.wait()
        assert left.exists()
        (tmp_path / "thimble-of-somebody").mkdir()
        temporary.sweep(tmp_path)
        assert (left.exists(), held.exists(), (tmp_path / "thimble-of-somebody").exists()) == (False, True, True)
        living.communicate("\n")


def test_files_of_children_lie_in_their_parents_folder() -> None:
    code = "import tempfile; print(tempfile.gettempdir())"
    done = subprocess.run([sys.executable, "-c", code], env=temporary.environment(), capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == temporary.own_folder()
