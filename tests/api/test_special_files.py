"""A pipe or a device where a file is expected is refused at once: reading it may never end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from thimble.api.config import read_values
from thimble.api.measure import measure
from thimble.api.request import Measure
from thimble.core.artifact import read_manifest
from thimble.core.errors import BadInput
from thimble.core.paths import contents
from thimble.core.study import read_study
from thimble.core.task import TaskSpec
from thimble.data import open_task
from thimble.formats import format_of, formats
from thimble.models._state import read_state

FEW = Measure(threads=1)
PLACES: dict[str, Callable[[Path], object]] = {
    "study.json": lambda file: read_study(file.parent),
    "artifact.json": lambda file: read_manifest(file.parent),
    "study.toml": read_values,
    "net.py": lambda file: measure([f"{file}:network"], FEW),
    "w.pth": read_state,
    "a/image.png": lambda file: open_task(TaskSpec(f"imagefolder:{file.parents[1]}", 16)),
    "x.npz": lambda file: open_task(TaskSpec(f"npz:{file}")),
    **{f"x{suffix}": lambda file: measure([str(file)], FEW) for suffixes in formats().values() for suffix in suffixes},
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", PLACES)
def test_pipes_are_refused(name: str, tmp_path: Path, private_store: Path) -> None:
    file = tmp_path / "there" / name
    file.parent.mkdir(parents=True)
    os.mkfifo(file)
    with pytest.raises(BadInput) as caught:
        PLACES[name](file)
    assert "\n" not in str(caught.value)


def test_what_is_no_plain_file_is_told_as_that(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in ((tmp_path / "pipe", "a pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "a folder")):
        with pytest.raises(OSError, match=words):
            contents(path)
    (tmp_path / "plain").write_bytes(b"x")
    assert contents(tmp_path / "plain") == b"x"
    assert format_of(tmp_path / "pipe") is None
