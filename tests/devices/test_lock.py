from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from thimble.core.errors import Busy, CannotWrite
from thimble.devices import lock
from thimble.devices.lock import measuring_lock

HOLD = "from thimble.devices import lock\nimport pathlib, sys, time\nlock.lock_path = lambda: pathlib.Path(sys.argv[1])\n"
HOLD += "with lock.measuring_lock():\n    print('held', flush=True)\n    time.sleep(60)\n"


@pytest.fixture
def place() -> Path:
    """The lock's file, which is the tests' own."""
    return lock.lock_path()


def holder(place: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(place)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_it_may_be_nested_and_taken_again(place: Path) -> None:
    with measuring_lock(0), measuring_lock(0):
        pass
    with measuring_lock(0):
        assert place.exists()


def test_another_holder_is_named_and_a_dead_one_does_not_block(place: Path) -> None:
    process = holder(place)
    try:
        with pytest.raises(Busy, match=f"process {process.pid}"), measuring_lock(0.3):
            pass
    finally:
        process.kill()
        process.wait()
    with measuring_lock(0):
        pass


def test_children_do_not_keep_it(place: Path) -> None:
    with measuring_lock(0):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], close_fds=False)
    try:
        other = holder(place)
        other.kill()
        other.wait()
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("kind", ["symbolic link", "dangling link", "hard link", "pipe", "folder"])
def test_nothing_but_a_plain_file_is_the_lock(place: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    if kind != "dangling link":
        target.write_text("precious")
    make = {
        "symbolic link": lambda: place.symlink_to(target),
        "dangling link": lambda: place.symlink_to(target),
        "hard link": lambda: place.hardlink_to(target),
        "pipe": lambda: os.mkfifo(place),
        "folder": place.mkdir,
    }
    make[kind]()
    with pytest.raises(CannotWrite, match="measuring lock"), measuring_lock(0):
        pass
    assert not target.exists() if kind == "dangling link" else target.read_text() == "precious"
